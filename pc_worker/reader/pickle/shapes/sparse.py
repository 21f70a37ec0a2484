"""Sparse columns: values here and there, their places one by one or as segments, and a fill value elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from pc_worker.reader.errors import broken, not_a_table
from pc_worker.reader.index.store import Store
from pc_worker.reader.pickle.described import Array, Call
from pc_worker.reader.pickle.shapes.columns import Reader
from pc_worker.reader.pickle.shapes.derived import Sparse


def sparse_column(store: Store, values: Any, index: Any, fill: Any) -> Reader:
    """Return the column of ``values`` at the places that ``index`` describes, and ``fill`` at all others.

    Raises:
        Rejected: If it is stored in another way than pandas does.
    """
    if not isinstance(values, Array):
        raise not_a_table("a sparse column is stored in a form that is not read; store it dense")
    if not isinstance(fill, int | float | complex | str | np.generic | None):
        raise broken("a sparse column is filled with something else than a plain value")
    match index:
        case Call(kind="IntIndex", args=(length, where)):
            places = np.asarray(store.whole(where))
        case Call(kind="BlockIndex", args=(length, firsts, lengths)):
            places = _spread(np.asarray(store.whole(firsts)), np.asarray(store.whole(lengths)), values.size)
        case _:
            raise not_a_table("a sparse column is stored in a form that is not read; store it dense")
    return Sparse(store.array(values), _checked(places, length, values.size), fill, length)


def _spread(firsts: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Return the places of ``count`` values in runs, given the first position and the length of each."""
    if firsts.ndim != 1 or firsts.shape != lengths.shape or firsts.dtype.kind != "i" or lengths.dtype.kind != "i":
        raise broken("a sparse column's blocks do not have one start and one length each")
    if np.any(lengths < 1) or int(lengths.sum(dtype=np.int64)) != count:
        raise broken("a sparse column's blocks do not match its values")
    before = np.cumsum(lengths, dtype=np.int64) - lengths
    return np.repeat(firsts.astype(np.int64) - before, lengths) + np.arange(count)


def _checked(places: np.ndarray, length: object, count: int) -> np.ndarray:
    if type(length) is not int or places.dtype.kind != "i" or places.shape != (count,):
        raise broken("a sparse column has not one place for each value")
    if count and (np.any(np.diff(places) <= 0) or places[0] < 0 or places[-1] >= length):
        raise broken("a sparse column's places are not ascending rows")
    return places
