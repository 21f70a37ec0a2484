from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.gateway.log.read_plan import SMALL_BATCH, ReadStep, read_plan
from pc_worker.store.log.read import LogBatchRecord


def _batch(first: int, rows: int = 100, *, intact: bool = True) -> LogBatchRecord:
    return LogBatchRecord(first, first + rows - 1, UUID(int=1), 5, intact, None, "m@1")


def test_held_and_intact_batches_come_from_the_queue() -> None:
    batches = [_batch(1), _batch(101)]

    assert read_plan(batches, {1, 101}, cursor=0, upto=200) == [
        ReadStep(0, 100, batches[0]),
        ReadStep(100, 200, batches[1]),
    ]


def test_an_intact_batch_that_is_not_held_is_a_step_of_its_own() -> None:
    assert read_plan([_batch(1), _batch(101)], {101}, cursor=0, upto=200) == [
        ReadStep(0, 100),
        ReadStep(100, 200, _batch(101)),
    ]


def test_neighbouring_batches_that_are_not_intact_become_one_step() -> None:
    batches = [_batch(1, intact=False), _batch(101, intact=False), _batch(201)]

    assert read_plan(batches, {1, 201}, cursor=0, upto=300) == [ReadStep(0, 200), ReadStep(200, 300, batches[2])]


def test_a_cursor_inside_a_batch_still_uses_its_entry() -> None:
    assert read_plan([_batch(1)], {1}, cursor=40, upto=100) == [ReadStep(40, 100, _batch(1))]


def test_a_batch_beyond_the_end_is_left_to_the_log() -> None:
    assert read_plan([_batch(1)], {1}, cursor=0, upto=60) == [ReadStep(0, 60)]


def test_small_batches_are_read_together() -> None:
    batches = [_batch(1 + 3 * n, 3) for n in range(10)]

    assert read_plan(batches, set(range(100)), cursor=0, upto=30) == [ReadStep(0, 30)]


@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(0, 3), st.booleans(), st.booleans()), max_size=12),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_steps_cover_every_position_once(layout: list[tuple[int, int, bool, bool]], cursor: int, length: int) -> None:
    batches, held, first = [], set(), 1
    for rows, gap, intact, there in layout:
        batches.append(_batch(first, rows, intact=intact))
        held |= {first} if there else set()
        first += rows + gap
    batches = [batch for batch in batches if batch.last > cursor]

    steps = read_plan(batches, held, cursor=cursor, upto=cursor + length)

    ends = [cursor, *(step.upto for step in steps)]
    assert [step.after for step in steps] == ends[:-1]
    assert ends[-1] == cursor + length
    assert all(step.after < step.upto for step in steps)
    for batch in (step.batch for step in steps if step.batch):
        assert batch.intact
        assert batch.first in held
        assert batch.last - batch.first + 1 >= SMALL_BATCH
