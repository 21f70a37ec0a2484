"""Which of several jobs over the same rows wins, for any order of their chunks."""

from __future__ import annotations

import itertools

import pytest

from tests.model.line import Line


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_job_that_skips_a_row_leaves_the_newest_version_of_it(line: Line, order: tuple[int, ...]) -> None:
    jobs = [line.begin([{"id": "a", "text": text}]) for text in ("first", "second", None)]
    for number in order:
        line.work(jobs[number], 0)

    assert line.texts() == {"a": "second"}
