"""Writes a file's skeleton as JSON and reads it back: the sidecar holds nothing that could run either."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import numpy as np

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.index.layout import Listing
from pc_worker.reader.pickle.allow_list.numpy_names import Described
from pc_worker.reader.pickle.described import Array, Call, Marks, Payload, Symbol, Zone


class SkeletonWriter:
    """Turns trees into JSON values; lists are numbered in ``lists`` as they are met."""

    def __init__(self) -> None:
        self.lists: list[Listing] = []
        self._numbers: dict[int, int] = {}

    def number(self, listing: Listing) -> int:
        """Return the number under which ``listing`` is stored."""
        key = id(listing)
        if key not in self._numbers:
            self._numbers[key] = len(self.lists)
            self.lists.append(listing)
        return self._numbers[key]

    def write(self, value: Any) -> Any:
        """Return ``value`` as JSON: scalars as they are, all else as ``[tag, …]``."""
        if value is None or isinstance(value, bool | str) or type(value) is int:
            return value
        for kind, tag, rule in _RULES:
            if isinstance(value, kind):
                return [tag, *rule(self, value)]
        return ["other", label_text(value)[:1000]]

    def write_all(self, values: Any) -> list[Any]:
        """Return each of ``values`` as JSON."""
        return [self.write(value) for value in values]


_RULES: tuple[tuple[Any, str, Any], ...] = (
    (float, "float", lambda w, v: [v.hex()]),
    (bytes | bytearray, "bytes", lambda w, v: [base64.b64encode(v).decode("ascii")]),
    (tuple, "tuple", lambda w, v: w.write_all(v)),
    (list, "list", lambda w, v: w.write_all(v)),
    (dict, "dict", lambda w, v: [[w.write(key), w.write(item)] for key, item in v.items()]),
    (Listing, "items", lambda w, v: [w.number(v)]),
    (Payload, "payload", lambda w, v: [v.start, v.length, v.text, w.write(v.marks)]),
    (Marks, "marks", lambda w, v: [list(v.numbers), list(v.offsets), v.end]),
    (Symbol, "symbol", lambda w, v: [v.module, v.name]),
    (Zone, "zone", lambda w, v: [v.name, v.offset_s, v.changes]),
    (dt.timezone, "zone", lambda w, v: [None, v.utcoffset(None).total_seconds(), ()]),
    (dt.datetime, "moment", lambda w, v: [v.isoformat()]),
    (slice, "slice", lambda w, v: [v.start, v.stop, v.step]),
    (Described, "dtype", lambda w, v: _dtype(v.dtype)),
    (np.generic, "scalar", lambda w, v: [v.dtype.str, base64.b64encode(v.tobytes()).decode("ascii")]),
    (Call, "call", lambda w, v: [v.kind, w.write_all(v.args), w.write(v.state)]),
    (
        Array,
        "array",
        lambda w, v: [_dtype(v.dtype), list(v.shape), v.order, w.write(v.data), list(v.axes) if v.axes else None],
    ),
)


def _dtype(dtype: np.dtype[Any] | None) -> Any:
    if dtype is None:
        return None
    if dtype.names is None:
        return [dtype.str]
    fields: Any = dtype.fields or {}
    places = [[name, _dtype(fields[name][0]), fields[name][1]] for name in dtype.names]
    return [None, places, dtype.itemsize]


def _read_dtype(value: Any) -> np.dtype[Any] | None:
    if value is None:
        return None
    if value[0] is not None:
        plain: np.dtype[Any] = np.dtype(value[0])
        return plain
    names, formats, offsets = zip(*((name, _read_dtype(form), offset) for name, form, offset in value[1]), strict=True)
    form: Any = {"names": list(names), "formats": list(formats), "offsets": list(offsets), "itemsize": value[2]}
    dtype: np.dtype[Any] = np.dtype(form)
    return dtype


def read(value: Any, lists: list[Listing]) -> Any:
    """Return the tree that ``SkeletonWriter.write`` turned into ``value``.

    Raises:
        ValueError, TypeError, KeyError, IndexError: If ``value`` is not of that form.
    """
    if not isinstance(value, list):
        return value
    tag, *rest = value
    return _READERS[tag](rest, lists)


def _all(values: list[Any], lists: list[Listing]) -> list[Any]:
    return [read(value, lists) for value in values]


def _array(v: list[Any], lists: list[Listing]) -> Array:
    return Array(_read_dtype(v[0]), tuple(v[1]), v[2], read(v[3], lists), tuple(v[4]) if v[4] else None)


def _described(v: list[Any], lists: list[Listing]) -> Described:
    dtype = _read_dtype(v)
    if dtype is None:
        raise ValueError("a type without a type")
    return Described(dtype)


_READERS: dict[str, Any] = {
    "float": lambda v, lists: float.fromhex(v[0]),
    "bytes": lambda v, lists: base64.b64decode(v[0]),
    "tuple": lambda v, lists: tuple(_all(v, lists)),
    "list": _all,
    "dict": lambda v, lists: {read(key, lists): read(item, lists) for key, item in v},
    "items": lambda v, lists: lists[v[0]],
    "payload": lambda v, lists: Payload(v[0], v[1], v[2], read(v[3], lists)),
    "marks": lambda v, lists: Marks(tuple(v[0]), tuple(v[1]), v[2]),
    "symbol": lambda v, lists: Symbol(*v),
    "zone": lambda v, lists: Zone(v[0], v[1], tuple(map(tuple, v[2]))),
    "moment": lambda v, lists: dt.datetime.fromisoformat(v[0]),
    "slice": lambda v, lists: slice(*v),
    "dtype": _described,
    "scalar": lambda v, lists: np.frombuffer(base64.b64decode(v[1]), np.dtype(v[0]))[0],
    "call": lambda v, lists: Call(v[0], tuple(_all(v[1], lists)), read(v[2], lists)),
    "array": _array,
    "other": lambda v, lists: v[0],
}
