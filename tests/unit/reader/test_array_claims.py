"""Arrays whose shape, type or bytes cannot be true: each is refused in one sentence, before memory is taken."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pc_worker.reader import Rejected
from pc_worker.reader.pickle.described import Array, check_characters, check_filled, check_shape


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([3], "not a tuple of up to 32 lengths"),
        (3, "not a tuple of up to 32 lengths"),
        ((1,) * 33, "not a tuple of up to 32 lengths"),
        ((3, -1), "something else than lengths"),
        ((2**62,), "something else than lengths"),
        ((True,), "something else than lengths"),
        ((3.0,), "something else than lengths"),
        ((2**40, 0), "holds nothing in too many rows"),
    ],
    ids=str,
)
def test_shapes_that_no_array_has(shape: object, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        check_shape(shape)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)], ids=str)
def test_shapes_that_arrays_have(shape: tuple[int, ...]) -> None:
    assert check_shape(shape) == shape


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_fixed_width_text_consists_of_characters(order: str) -> None:
    codes = np.array([65, 0x110000], f"{order}u4")

    check_characters(codes[:1].view(f"{order}U1"))
    check_characters(np.array([2**32 - 1], "u4"))
    with pytest.raises(Rejected, match="something else than characters"):
        check_characters(codes.view(f"{order}U2"))


@pytest.mark.parametrize(
    ("dtype", "data", "words"),
    [
        (None, b"", "an array has no type"),
        (np.dtype("f4"), b"1234567", "an array of shape (2,) needs 8 bytes and has 7"),
        (np.dtype("f4"), b"123456789", "needs 8 bytes and has 9"),
        (np.dtype("O"), [None], "needs 2 items and has 1"),
    ],
    ids=["untyped", "short", "long", "objects"],
)
def test_data_that_is_not_as_long_as_shape_and_type_say(dtype: np.dtype[Any] | None, data: object, words: str) -> None:
    with pytest.raises(Rejected, match=re.escape(words)):
        check_filled(Array(dtype=dtype, shape=(2,), data=data))
