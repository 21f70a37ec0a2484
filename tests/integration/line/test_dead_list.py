"""Refused rows as one list: in pages, by filter, grouped by reason, retried or dropped all at once."""

from __future__ import annotations

import pytest

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.services.dead_letters.dead_list import (
    all_dead,
    checked_filter,
    count_dead,
    dead_document,
    dead_page,
    drop_matching,
    letter_groups,
    retry_matching,
)
from pc_worker.store.ledger.letter_filter import GROUP_SQL, LetterFilter
from tests.model.line import Line

EVERYTHING = LetterFilter()


def good(number: int) -> dict[str, object]:
    return {"id": f"good {number}", "text": "a text"}


def nul(number: int) -> dict[str, object]:
    return {"id": f"nul {number}", "text": f"a\0{number}"}


def keyless(number: int) -> dict[str, object]:
    return {"id": None, "text": f"text {number}"}


@pytest.fixture
def jobs(line: Line) -> tuple[str, str]:
    first = line.ingest([good(0), nul(1), keyless(2), nul(3)])
    second = line.ingest([nul(4), good(5), nul(6)])
    return first.job_id, second.job_id


def places(line: Line, wanted: LetterFilter) -> list[tuple[str | None, int | None]]:
    return [(row.job_id, row.row_no) for row in all_dead(line.services, wanted)]


def test_pages_joined_are_the_whole_list(line: Line, jobs: tuple[str, str]) -> None:
    first, second = jobs
    whole = [(first, 1), (first, 2), (first, 3), (second, 0), (second, 2)]
    assert places(line, EVERYTHING) == whole

    pages, after = [], None
    for more in (True, True, False):
        page = dead_page(line.services, EVERYTHING, after=after, limit=2)
        pages += [(row.job_id, row.row_no) for row in page.rows]
        after = page.rows[-1].place
        assert page.more is more

    assert pages == whole


def test_a_page_of_large_rows_is_shorter(line: Line) -> None:
    line.ingest([nul(number) | {"more": "x" * 3_000_000} for number in range(4)])

    page = dead_page(line.services, EVERYTHING, after=None, limit=100)
    rest = dead_page(line.services, EVERYTHING, after=page.rows[-1].place, limit=100)

    assert [row.row_no for row in page.rows] == [0, 1, 2]
    assert ([row.row_no for row in rest.rows], page.more, rest.more) == ([3], True, False)
    assert [row.row_no for row in all_dead(line.services, EVERYTHING)] == [0, 1, 2, 3]


def test_a_filter_takes_job_domains_and_a_part_of_the_reason_in_any_case(line: Line, jobs: tuple[str, str]) -> None:
    first, second = jobs
    assert places(line, LetterFilter(job_id=second)) == [(second, 0), (second, 2)]
    assert places(line, LetterFilter(reason="Key IS null")) == [(first, 2)]
    assert places(line, LetterFilter(reason="100% _")) == []
    assert places(line, LetterFilter(domains=frozenset({"recruit"}))) == []
    assert len(places(line, LetterFilter(domains=frozenset({"recruit", "document"})))) == 5
    assert places(line, LetterFilter(domains=frozenset())) == []


def test_the_document_has_the_row_in_normal_form(line: Line, jobs: tuple[str, str]) -> None:
    letter = dead_page(line.services, LetterFilter(reason="key"), after=None, limit=1).rows[0]

    document = dead_document(letter)

    assert document["row"] == keyless(2)
    assert (document["kind"], document["domain"]) == ("row", "document")


def test_reasons_that_differ_in_values_only_are_one_group_which_is_a_filter_again(line: Line) -> None:
    rows = [{"skill": f"s{length}", "position_category": "c", "vector": [0.5] * length} for length in (1, 22)]
    line.ingest(rows, domain="skill_dic")
    line.ingest([nul(1)])

    groups = letter_groups(line.services, EVERYTHING)

    assert sorted((group.domain, group.rows) for group in groups) == [("document", 1), ("skill_dic", 2)]
    for group in groups:
        wanted = LetterFilter(reason=group.group, domains=frozenset({group.domain}))
        assert len(places(line, wanted)) == group.rows
    assert letter_groups(line.services, LetterFilter(domains=frozenset({"recruit"}))) == []


def test_the_number_of_a_standard_is_no_value_of_a_reason(line: Line) -> None:
    reason = 'published_at: "next Tuesday, 8601" is no ISO 8601 date or time, at 12.5'
    with line.services.database.transaction() as cursor:
        cursor.execute(f"SELECT {GROUP_SQL.format(reason='%s')}", (reason,))

        assert cursor.fetchone() == ('published_at: "…" is no ISO 8601 date or time, at N',)


def test_a_job_of_other_domains_is_as_unknown_as_one_that_does_not_exist(line: Line, jobs: tuple[str, str]) -> None:
    known = frozenset({"recruit"})
    for name in (jobs[0], "no such job", "\0", "\ud800"):
        with pytest.raises(NotFound, match="there is no job"):
            checked_filter(line.services, LetterFilter(job_id=name, domains=known), known=known)
    assert places(line, checked_filter(line.services, LetterFilter(job_id=jobs[0], domains=known))) == []
    with pytest.raises(InvalidRequest, match="no reason"):
        checked_filter(line.services, LetterFilter(reason="\0"))


def test_all_that_match_are_dropped_and_only_those(line: Line, jobs: tuple[str, str]) -> None:
    first, _ = jobs

    assert sum(drop_matching(line.services, checked_filter(line.services, LetterFilter(reason="NUL char")))) == 4

    assert places(line, EVERYTHING) == [(first, 2)]
    counts = line.query("SELECT state, rows_dead, rows_skipped FROM jobs ORDER BY job_id")
    assert counts == [("partial", 1, 2), ("completed", 0, 2)]


def test_letters_that_come_later_are_left_to_the_next_operation(line: Line, jobs: tuple[str, str]) -> None:
    wanted = checked_filter(line.services, LetterFilter(reason="NUL char"))
    line.ingest([nul(7)])

    assert sum(drop_matching(line.services, wanted)) == 4
    assert count_dead(line.services, EVERYTHING) == {"row": 2, "push": 0, "model": 0}


def test_letters_that_another_caller_drops_during_a_retry_stay_dropped(line: Line, jobs: tuple[str, str]) -> None:
    wanted, told = LetterFilter(job_id=jobs[0]), []
    for result in retry_matching(line.services, wanted, servers=()):
        told.append((result.row_no, result.outcome))
        assert sum(drop_matching(line.services, wanted)) == 3

    assert told == [(1, "dead")]
    assert places(line, wanted) == []
    assert line.query("SELECT rows_skipped, rows_dead FROM jobs WHERE job_id = %s", jobs[0]) == [(3, 0)]
