"""Good files, damaged in every place: cut at each opcode, each bit turned, frames moved."""

from __future__ import annotations

import datetime as dt
import pickle
import pickletools
import struct
from collections.abc import Iterator

import numpy as np
import pandas as pd

from tests.hostile.assembler import assemble


def good_files() -> dict[str, bytes]:
    """Return small files over most of what a table is made of."""
    frame = pd.DataFrame(
        {
            "text": pd.Series(["x", None, "z"], dtype=object),
            "list": [[1, "a"], [], [2.5]],
            "vector": [np.ones(3, np.float32)] * 3,
            "when": pd.date_range("2020", periods=3, tz="Asia/Seoul"),
            "kind": pd.Categorical(["p", "q", None]),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    rows = [{"a": n, "d": dt.date(2020, 1, 1), "t": ("x", n)} for n in range(30)]
    return {
        "frame-4": pickle.dumps(frame, 4),
        "frame-5": pickle.dumps(frame, 5),
        "frame-2": pickle.dumps(frame, 2),
        "frame-0": pickle.dumps(frame, 0),
        "arrow-4": pickle.dumps(pd.DataFrame({"s": pd.array(["a", None, "c"], dtype="string[pyarrow]")}), 4),
        "rows-4": pickle.dumps(rows, 4),
        "rows-1": pickle.dumps(rows, 1),
    }


def cut(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield ``data`` up to every opcode, and up to one byte after it."""
    ends = {end: opcode.name for opcode, _, at in pickletools.genops(data) for end in ((at or 0) + 1, at or 0)}
    for end, name in ends.items():
        if end < len(data):
            yield f"cut at {end} ({name})", data[:end]


def turned(data: bytes, step: int) -> Iterator[tuple[str, bytes]]:
    """Yield ``data`` with one bit flipped, every ``step`` bits."""
    for bit in range(0, len(data) * 8, step):
        place = bit // 8
        yield f"bit {bit}", data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


def framed() -> Iterator[tuple[str, bytes]]:
    """Yield frames that end inside an opcode, overlap, or lie about their length; a good one would be read."""
    body = assemble([{"a": 1, "b": "text"}]) + b"."

    def frame(length: int, content: bytes) -> bytes:
        return b"\x95" + struct.pack("<Q", length) + content

    start, half = b"\x80\x04", len(body) // 2
    yield "framed-too-long", start + frame(len(body) + 1, body)
    yield "framed-huge", start + frame(2**63, body)
    yield "framed-of-all", start + frame(2**64 - 1, body)
    yield "framed-cuts-text", start + frame(body.index(b"text") + 2, body)
    yield "framed-in-frame", start + frame(len(body) + 9, frame(len(body), body))
    yield "framed-overlap", start + frame(half + 9, body[:half] + frame(len(body) - half, body[half:]))
    yield "framed-only", start + frame(0, b"")
    yield "framed-cut", start + b"\x95\x00\x00"
