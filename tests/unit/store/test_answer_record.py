"""The record of an answer: its text is kept only while the rows that it cites are."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

import pytest

from pc_worker.store.answers.record import END, EndedAnswer, end_answer


class CursorStub:
    """A cursor whose database has some of the cited rows; it keeps the values of the last statement that ends one."""

    def __init__(self, found: int) -> None:
        self.rowcount = 1
        self.written: dict[str, Any] = {}
        self._found = found

    def execute(self, sql: str, values: dict[str, Any]) -> None:
        if sql == END:
            self.written = values

    def fetchone(self) -> tuple[int]:
        return (self._found,)


@pytest.mark.parametrize(("found", "kept"), [(2, True), (1, False), (0, False)])
def test_an_answer_is_kept_without_its_text_if_a_cited_row_is_gone(found: int, kept: bool) -> None:
    cursor, ids = CursorStub(found), [str(uuid4()), str(uuid4())]

    end_answer(cast(Any, cursor), EndedAnswer(answer_id=uuid4(), state="answered", document={"a": 1}, row_ids=ids))

    assert (cursor.written["document"] is not None) == kept
    assert cursor.written["row_ids"] == (ids if kept else [])


def test_a_row_that_is_named_twice_is_one_row() -> None:
    cursor, row = CursorStub(1), str(uuid4())

    end_answer(cast(Any, cursor), EndedAnswer(answer_id=uuid4(), state="answered", document={}, row_ids=[row, row]))

    assert cursor.written["document"] is not None


def test_an_answer_that_cites_nothing_keeps_its_text() -> None:
    cursor = CursorStub(0)

    end_answer(cast(Any, cursor), EndedAnswer(answer_id=uuid4(), state="refused", document={"a": 1}))

    assert cursor.written["document"] is not None
