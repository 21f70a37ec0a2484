"""Columns backed by Arrow: text read straight from its buffers, other types by pyarrow from checked slices of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pc_worker.reader.errors import broken
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Call
from pc_worker.reader.pickle.shapes.arrow_buffers import buffer, buffer_bytes, sequence, validity
from pc_worker.reader.pickle.shapes.columns import Reader

_TEXT: dict[str, tuple[np.dtype[Any], bool]] = {
    "string": (np.dtype("<i4"), True), "utf8": (np.dtype("<i4"), True), "large_string": (np.dtype("<i8"), True),
    "large_utf8": (np.dtype("<i8"), True), "binary": (np.dtype("<i4"), False), "large_binary": (np.dtype("<i8"), False),
}  # fmt: skip
_PROVE_STEP = 1 << 16


def arrow_column(store: Store, fields: dict[Any, Any]) -> Reader:
    """Return the column of an Arrow-backed extension array with fields ``_data`` or ``_pa_array``, and ``_dtype``."""
    value = fields.get("_pa_array", fields.get("_data"))
    match value:
        case Call(kind="ArrowArray"):
            chunks = [value]
        case Call(kind="ArrowChunks", args=(list() | tuple() as listed, _)):
            chunks = list(listed)
        case Call(kind="ArrowChunks", args=(Listing() as empty, _)) if len(empty) == 0:
            return Chunks([])
        case _:
            raise broken("an Arrow column has no Arrow array")
    return Chunks([_chunk(store, chunk) for chunk in chunks])


class Chunks(Reader):
    """Columns one after another."""

    def __init__(self, parts: Sequence[Reader]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts]).tolist()
        self.kind = parts[0].kind if parts else "null"

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._ends else 0

    def stored_bytes(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.stored_bytes() for part in self._parts)

    def prove(self) -> None:
        """Check every part."""
        for part in self._parts:
            part.prove()

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        cells: list[Any] = []
        place = bisect_right(self._ends, start)
        while start < stop:
            part, end = self._parts[place], self._ends[place]
            first = end - len(part)
            cells += part.read(start - first, min(stop, end) - first)
            start, place = max(start, end), place + 1
        return cells


def _chunk(store: Store, chunk: Any) -> Reader:
    if not isinstance(chunk, Call) or chunk.kind != "ArrowArray":
        raise broken("an Arrow column holds something else than Arrow arrays")
    kind, length, _, offset, *_ = chunk.args
    if type(length) is not int or type(offset) is not int or min(length, offset) < 0:
        raise broken("an Arrow array has no length")
    if isinstance(kind, Call) and kind.args[0] == "type_for_alias" and kind.args[1] in _TEXT:
        return Text(store, chunk, *_TEXT[kind.args[1]])
    from pc_worker.reader.pickle.shapes.arrow_values import ArrowValues  # pyarrow is large; most files do without

    return ArrowValues(store, chunk)


class Text(Reader):
    """Texts or bytes: a buffer of offsets, a buffer of data, perhaps a bit for each row that is not null."""

    def __init__(self, store: Store, chunk: Call, width: np.dtype[Any], text: bool) -> None:
        self._store, self._width, self._text = store, width, text
        self._length, self._offset = chunk.args[1], chunk.args[3]
        self._buffers = sequence(store, chunk.args[4])
        self.kind = "text" if text else "bytes"

    def __len__(self) -> int:
        return int(self._length)

    def prove(self) -> None:
        """Check that the offsets ascend within the data and that the texts are UTF-8."""
        for start in range(0, self._length, _PROVE_STEP):
            places, data, present = self._raw(start, min(start + _PROVE_STEP, self._length))
            if np.any(np.diff(places) < 0):
                raise broken("an Arrow column's texts do not follow one another")
            if self._text and not data.isascii():
                self._prove_text(places, data, present)

    def stored_bytes(self) -> int:
        """Return the bytes of the buffers."""
        return buffer_bytes(self._buffers)

    def _prove_text(self, places: np.ndarray, data: bytes, present: np.ndarray | None) -> None:
        for number, (first, last) in enumerate(zip(places[:-1].tolist(), places[1:].tolist(), strict=True)):
            if present is None or present[number]:
                _decoded(data[first:last])

    def _raw(self, start: int, stop: int) -> tuple[np.ndarray, bytes, np.ndarray | None]:
        size, first, last = self._width.itemsize, self._offset + start, self._offset + stop
        raw = buffer(self._store, self._buffers, 1, first * size, (last + 1) * size) if stop > start else b""
        if raw is None:
            raise broken("an Arrow column of texts has no offsets")
        places = np.frombuffer(raw or bytes(size), self._width).astype(np.int64)
        low, high = int(places[0]), int(places[-1])
        if not 0 <= low <= high:
            raise broken("an Arrow column's texts do not follow one another")
        data = buffer(self._store, self._buffers, 2, low, high) if high > low else b""
        if data is None:
            raise broken("an Arrow column of texts has no data")
        return places - low, data, validity(self._store, self._buffers, first, last)

    def read(self, start: int, stop: int) -> Sequence[Any]:
        """Return the cells of rows ``start`` up to ``stop``."""
        if start >= stop:
            return []
        places, data, present = self._raw(start, stop)
        at = places.tolist()
        pieces: list[Any] = [data[first:last] for first, last in pairwise(at)]
        if self._text:
            pieces = [_decoded(piece) for piece in pieces]
        if present is not None:
            pieces = [piece if there else None for piece, there in zip(pieces, present.tolist(), strict=True)]
        return pieces


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken(f"an Arrow column holds a text that is not UTF-8 ({error.reason})") from error
