"""Damaged files of every other format: refused or another table, never another error, never the end of the process."""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc

from tests.hostile.test_hostile import FREE_BYTES, is_reading, watch, write

EACH = 6


def good_files() -> dict[str, bytes]:
    """A small file of each format."""
    frame = pd.DataFrame(
        {"id": range(30), "text": [f"t{n}" for n in range(30)], "list": [[float(n)] for n in range(30)]}
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    feather, stream, orc, excel, zipped = (io.BytesIO() for _ in range(5))
    pyarrow.feather.write_feather(table, feather, compression="zstd")
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    pyarrow.orc.write_table(table, orc)
    frame[["id", "text"]].to_excel(excel, index=False)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", frame[["id", "text"]].to_csv(index=False))
    files = {"feather": feather, "stream": stream, "orc": orc, "excel": excel, "zip": zipped}
    texts = {"csv": frame.to_csv(index=False, quoting=1), "json": frame.to_json(orient="records")}
    return {name: file.getvalue() for name, file in files.items()} | {name: t.encode() for name, t in texts.items()}


def damaged() -> Iterator[tuple[str, bytes]]:
    """Each with bits turned, cut, or with a number of eight bytes that cannot be."""
    chance = random.Random(7)
    for name, good in good_files().items():
        for number in range(EACH):
            data = bytearray(good)
            at = chance.randrange(len(data))
            match number % 3:
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at:]
                case _:
                    data[at : at + 8] = chance.choice([b"\xff" * 8, (1 << 40).to_bytes(8, "little")])
            yield f"{name}{number}", bytes(data)


def test_a_damaged_file_is_refused_or_another_table(tmp_path: Path) -> None:
    folder = tmp_path / "hostile0" / "files"
    folder.parent.mkdir()
    write(folder, dict(damaged()))

    reports: list[dict[str, Any]] = [*map(json.loads, watch([sys.executable], folder).stdout.splitlines())]

    assert len(reports) == EACH * len(good_files())
    assert [r["ended"] for r in reports if r["ended"] != "read" and not r["ended"].startswith("refused: ")] == []
    assert [report for report in reports if report["bytes"] > FREE_BYTES] == []
    assert [event for report in reports for event in report["events"] if not is_reading(event)] == []
    assert [report["modules"] for report in reports if report["modules"]] == []
