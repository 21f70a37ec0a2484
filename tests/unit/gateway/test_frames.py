from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.gateway.calls.consume.frames import extend_checksum, frames, parse_request
from pc_worker.gateway.log.delivery import LogSlice
from pc_worker.store.log.read import Tombstone
from pc_worker.wire import build_block
from pc_worker.wire.generated import embedding_stream_pb2 as pb

EPOCH = UUID(int=3)


def _slice(positions: list[int], dead: list[int], upto: int, start: int = 0, *, jobs: int = 1) -> LogSlice:
    rows = [(str(UUID(int=at)), pb.DocumentRow(key="x" * (at % 50)).SerializeToString()) for at in positions]
    block = build_block("document", positions, rows)
    names = tuple(f"job-{at}" for at in positions) if jobs > 1 else ("job",)
    tombstones = [Tombstone(at, str(UUID(int=at))) for at in dead]
    return LogSlice(block, start, upto, False, "m@1", EPOCH, names, tombstones)


def _chunks(
    log_slice: LogSlice, *, max_rows: int = 300, max_bytes: int = 10**6, marks: Sequence[int] = ()
) -> list[pb.ConsumeChunk]:
    made = frames(log_slice, after=0, max_rows=max_rows, max_bytes=max_bytes, marks=marks)
    return [pb.ConsumeResponse.FromString(frame.message).chunk for frame in made]


@given(st.sets(st.integers(1, 300), min_size=1, max_size=60), st.data())
def test_frames_join_without_gaps_and_contain_everything_once(entries: set[int], data: st.DataObject) -> None:
    dead = data.draw(st.sets(st.sampled_from(sorted(entries)), max_size=len(entries)))
    alive = sorted(entries - dead)
    upto = max(entries) + data.draw(st.integers(0, 5))
    start = data.draw(st.integers(0, len(alive)))
    log_slice = _slice(alive, sorted(dead), upto, start, jobs=data.draw(st.integers(1, 2)))

    chunks = _chunks(log_slice, max_rows=data.draw(st.integers(1, 20)))

    if chunks:
        ends = [0, *(chunk.position for chunk in chunks)]
        assert [chunk.after_position for chunk in chunks] == ends[:-1]
        assert ends[-1] == upto
    assert [at for chunk in chunks for at in chunk.rows.positions] == alive[start:]
    assert [tomb.position for chunk in chunks for tomb in chunk.tombstones] == sorted(dead)
    for chunk in chunks:
        places = [*chunk.rows.positions, *(tomb.position for tomb in chunk.tombstones)]
        assert all(chunk.after_position < at <= chunk.position for at in places) or start
        assert len(chunk.job_ids) in (1, len(chunk.rows.positions))


def test_frames_stay_within_their_bytes() -> None:
    log_slice = _slice(list(range(1, 200)), [300, 301], 301)

    made = list(frames(log_slice, after=0, max_rows=1000, max_bytes=5000))

    assert len(made) > 1
    assert max(len(frame.message) for frame in made) <= 5000


def test_the_checksum_is_of_uuid_and_position_alone() -> None:
    one, other = _slice([1, 2, 3], [4], 4), _slice([1, 2, 3], [4], 4)

    whole = [extend_checksum(0, frame) for frame in frames(one, after=0, max_rows=300, max_bytes=10**6)]
    parts = 0
    for frame in frames(other, after=0, max_rows=1, max_bytes=10**6):
        parts = extend_checksum(parts, frame)

    assert whole == [parts]


def test_a_closed_side_is_no_message() -> None:
    assert parse_request(object()) is None


def test_each_mark_is_one_more_delivery_of_the_rows_up_to_it() -> None:
    log_slice = _slice(list(range(1, 10)), [], 9)

    chunks = _chunks(log_slice, max_rows=3, marks=[2, 3, 6])

    assert [list(chunk.deliveries) for chunk in chunks] == [[4, 4, 3], [2], []]


def test_frames_with_delivery_counts_stay_within_their_bytes() -> None:
    log_slice = _slice(list(range(1, 1000)), [], 1000)

    made = list(frames(log_slice, after=0, max_rows=1000, max_bytes=10_000, marks=range(0, 1000, 40)))

    assert len(made) > 1
    assert max(len(frame.message) for frame in made) <= 10_000
