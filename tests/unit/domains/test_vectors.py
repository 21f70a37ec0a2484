"""Vector cells of every form, good and bad."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pc_worker.domains.cleaning.cells import BadValue
from pc_worker.domains.cleaning.vectors import to_vector

_GOOD = [0.5, -1.25, 3.0]


@pytest.mark.parametrize(
    "cell",
    [
        np.array(_GOOD, np.float32),
        np.array(_GOOD, np.float64),
        np.array(_GOOD, np.float16),
        np.array(_GOOD, ">f4"),
        np.array(_GOOD, object),
        _GOOD,
        tuple(_GOOD),
        [np.float32(0.5), -1.25, np.int8(3)],
        json.dumps(_GOOD),
        " [ 5e-1,\n-1.25 , 3 ] ",
    ],
    ids=lambda cell: f"{type(cell).__name__} {getattr(cell, 'dtype', '')}",
)
def test_every_form_of_a_vector_gives_the_same_float32_array(cell: object) -> None:
    vector = to_vector(cell, 3)

    assert vector.dtype == np.float32
    assert vector.dtype.isnative
    assert vector.flags.c_contiguous
    assert vector.tolist() == _GOOD


def test_a_norm_that_32_bits_hold_is_good() -> None:
    assert to_vector([1e18, 1e18, -1e18], 3).tolist() == [np.float32(1e18), np.float32(1e18), np.float32(-1e18)]


def test_a_strided_array_comes_out_contiguous() -> None:
    vector = to_vector(np.arange(1, 7, dtype=np.float32)[::2], 3)

    assert vector.flags.c_contiguous
    assert vector.tolist() == [1, 3, 5]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ([1.0, 2.0], "2 numbers instead of 3"),
        ([1.0] * 4, "4 numbers instead of 3"),
        ([], "0 numbers instead of 3"),
        ("[]", "0 numbers instead of 3"),
        ([1.0, None, 2.0], "a null inside"),
        ("[1.0, null, 2.0]", "a null inside"),
        (np.array([1.0, None, 2.0], object), "a null inside"),
        ([1.0, float("nan"), 2.0], "NaN inside"),
        ("[1.0, NaN, 2.0]", "NaN inside"),
        (np.array([1, np.nan, 2], np.float32), "NaN inside"),
        ([1.0, float("-inf"), 2.0], "an infinity inside"),
        ("[1.0, Infinity, 2.0]", "an infinity inside"),
        ("[1.0, 1e999, 2.0]", "an infinity inside"),
        ([1.0, 1e39, 2.0], "a number too large for 32 bits inside"),
        ("[1.0, 1e39, 2.0]", "a number too large for 32 bits inside"),
        (np.array([1, 1e39, 2]), "a number too large for 32 bits inside"),
        ([1.0, 10**400, 2.0], "a number too large for 32 bits inside"),
        ([0.0, 0.0, 0.0], "of zero norm"),
        ("[0, -0.0, 0]", "of zero norm"),
        ([1e-50, 0.0, 0.0], "of zero norm"),
        ([1e-30, 0.0, 0.0], "of zero norm"),
        (np.full(3, 3e38, np.float32), "of a norm too large for 32 bits"),
        ("[1e38, 1e38, 1e38]", "of a norm too large for 32 bits"),
        ([0.0, 2e19, 0.0], "of a norm too large for 32 bits"),
        ([1.0, "2", 3.0], '"2" inside is no number'),
        ('[1.0, "2", 3.0]', '"2" inside is no number'),
        ([1.0, True, 3.0], "True inside is no number"),
        ("[1.0, true, 3.0]", "True inside is no number"),
        (np.array([True, False, True]), "True inside is no number"),
        ([1.0, [2.0], 3.0], "a list inside is no number"),
        ("[[1.0, 2.0, 3.0]]", "a list inside is no number"),
        (np.ones((1, 3)), "an array of 2 dimensions is no vector"),
        (np.array(3.0), "an array of 0 dimensions is no vector"),
        (np.array([1j, 2j, 3j]), "a complex inside is no number"),
        (np.array(["1", "2", "3"]), '"1" inside is no number'),
        ("", "text that is no JSON array"),
        ("1.0, 2.0, 3.0", "text that is no JSON array"),
        ("[1.0, 2.0, 3.0", "text that is no JSON array"),
        ("[1.0, 2.0, 3.0]]", "text that is no JSON array"),
        ("[" * 100_000, "text that is no JSON array"),
        ("[\ud800]", "text that is no JSON array"),
        ('{"a": 1}', "JSON text that is no array"),
        ("null", "JSON text that is no array"),
        (b"[1.0, 2.0, 3.0]", "a bytes is no vector"),
        (1.0, "1.0 is no vector"),
        ({0: 1.0}, "a dict is no vector"),
        ({1.0, 2.0, 3.0}, "a set is no vector"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_vector_says_what_is_wrong_with_it(cell: object, reason: str) -> None:
    with pytest.raises(BadValue) as fault:
        to_vector(cell, 3)

    assert str(fault.value) == reason


def decoded_one_by_one(text: str) -> list[float] | None:
    """Return the numbers of a JSON array as the standard library reads them; None if it holds anything else."""
    try:
        numbers = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(numbers, list) or not all(type(number) in (int, float) for number in numbers):
        return None
    return [float(number) for number in numbers]


NUMBER_TEXTS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-(2**64), 2**64).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["-0", "0", "-0.0", "1e-400", "2.2250738585072011e-308", "9007199254740993", "1E1", "16777217.0"]),
)


@given(st.lists(NUMBER_TEXTS, min_size=1, max_size=8), st.sampled_from([",", " , ", "\n,\t", ", "]))
def test_numbers_in_text_are_rounded_as_the_standard_library_rounds_them(numbers: list[str], comma: str) -> None:
    text = f" [{comma.join(numbers)}]\n"
    expected = np.array(decoded_one_by_one(text), np.float64)
    with np.errstate(over="ignore"):
        expected32 = expected.astype(np.float32)
    assume(np.abs(expected32).max() < 1e18 and np.dot(expected32, expected32))

    assert to_vector(text, len(numbers)).tobytes() == expected32.tobytes()


@given(st.text(alphabet='[]{},:"-+.0123456789eENaInfulltr \t\ufeff\x00', max_size=24))
def test_text_is_a_vector_only_if_the_standard_library_reads_numbers_in_it(text: str) -> None:
    numbers = decoded_one_by_one(text)
    try:
        found = to_vector(text, len(numbers or []))
    except BadValue:
        return
    assert numbers is not None
    assert found.tolist() == np.array(numbers, np.float32).tolist()


@pytest.mark.parametrize(
    "text",
    ["[[1.5], [2.5]]", "[[1.5, 2.5]]", "\ufeff[1.5, 2.5]", "[1.5, 2.5] [3.5]", '{"a": [1.5, 2.5]}', "[1.5, [], 2.5]"],
    ids=ascii,
)
def test_the_fast_parser_takes_no_more_than_the_strict_one(text: str) -> None:
    with pytest.raises(BadValue):
        to_vector(text, 2)


def test_vectors_of_many_threads_and_of_a_very_long_text() -> None:
    texts = [json.dumps([n + 0.5] * 300) for n in range(64)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: to_vector(text, 300)[0], texts * 4))

    assert found == [n + 0.5 for n in range(64)] * 4
    assert to_vector("[" + "0.125," * 200_000 + "1]", 200_001)[-1] == 1
