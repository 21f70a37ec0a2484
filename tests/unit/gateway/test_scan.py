"""How much of a log is read at once for a consumer of a part of it."""

from __future__ import annotations

from uuid import UUID

import pytest

from pc_worker.gateway.log.read_plan import ReadStep
from pc_worker.gateway.log.scan import LEAST, MOST, ScanPace, scan_plan
from pc_worker.store.log.read import LogBatchRecord


def batches(*ranges: tuple[int, int]) -> list[LogBatchRecord]:
    return [LogBatchRecord(first, last, UUID(int=0), 0, True, None, "m@1") for first, last in ranges]


@pytest.mark.parametrize(
    ("ranges", "cursor", "upto", "entries", "steps"),
    [
        ([], 0, 0, 100, []),
        ([], 0, 10, 100, [(0, 10)]),
        ([(1, 300), (301, 600), (601, 900)], 0, 900, 600, [(0, 600), (600, 900)]),
        ([(1, 300), (301, 600)], 150, 600, 150, [(150, 300), (300, 600)]),
        ([(1, 10), (1_000_000_001, 1_000_000_010)], 0, 1_000_000_010, 20, [(0, 1_000_000_010)]),
        ([(1, 300), (301, 600)], 0, 450, 100, [(0, 300), (300, 450)]),
    ],
)
def test_steps_are_whole_batches_and_leave_no_gap(
    ranges: list[tuple[int, int]], cursor: int, upto: int, entries: int, steps: list[tuple[int, int]]
) -> None:
    found = scan_plan(batches(*ranges), cursor=cursor, upto=upto, entries=entries)

    assert found == [ReadStep(after, to) for after, to in steps]


def test_the_pace_follows_what_is_found_and_how_long_it_takes() -> None:
    pace = ScanPace(300)
    begun = pace.entries
    pace.record(rows=200, seconds=0.1)
    assert pace.entries == begun
    for _ in range(20):
        pace.record(rows=0, seconds=0.1)
    assert pace.entries == MOST
    for _ in range(20):
        pace.record(rows=0, seconds=2)
    assert pace.entries == LEAST
