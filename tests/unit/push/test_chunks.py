"""Messages hold consecutive rows, all of them, within every limit of the server."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.push import StockRow
from pc_worker.push.chunks import MESSAGE_ROWS, MESSAGE_SKILLS, chunked
from pc_worker.push.rows import MESSAGE_BYTES


def a_row(number: int, *, size: int = 40, key: str | None = None, skills: int = 0) -> StockRow:
    text = json.dumps({"n": number, "x": "x" * size}).encode()
    return StockRow(position=number, row_id=str(number), key=key or str(number), skills=skills, json=text)


def numbers(chunks: list[bytes]) -> list[list[int]]:
    return [[item["n"] for item in json.loads(chunk)] for chunk in chunks]


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(200, 2000))
def test_all_rows_come_in_order_and_no_message_is_too_large(sizes: list[int], limit: int) -> None:
    rows = [a_row(number, size=size) for number, size in enumerate(sizes)]

    chunks = list(chunked(rows, max_bytes=limit))

    assert [n for chunk in numbers(chunks) for n in chunk] == list(range(len(rows)))
    assert all(len(chunk) + 10 <= limit or len(json.loads(chunk)) == 1 for chunk in chunks)


def test_messages_are_filled_up_to_the_limit() -> None:
    """The first example of the notes: vectors of 19.2 kB, so about 208 rows a message."""
    chunks = list(chunked(a_row(n, size=19_200) for n in range(300)))

    assert [len(chunk) for chunk in numbers(chunks)] == [208, 92]
    assert MESSAGE_BYTES - 19_300 < len(chunks[0]) < MESSAGE_BYTES


def test_no_message_contains_a_key_twice() -> None:
    rows = [a_row(0, key="a"), a_row(1, key="b"), a_row(2, key="a"), a_row(3, key="a")]

    assert numbers(list(chunked(rows))) == [[0, 1], [2], [3]]


def test_skills_of_a_message_fit_one_statement() -> None:
    rows = [a_row(n, skills=9_000) for n in range(3)] + [a_row(3, skills=MESSAGE_SKILLS + 1), a_row(4)]

    assert numbers(list(chunked(rows))) == [[0], [1], [2], [3], [4]]


def test_a_message_has_a_bounded_number_of_rows() -> None:
    assert [len(chunk) for chunk in numbers(list(chunked(a_row(n) for n in range(301))))] == [MESSAGE_ROWS, 1]


def test_no_rows_make_no_message() -> None:
    assert list(chunked([])) == []
