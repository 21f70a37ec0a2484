from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.hot_buffer import build_entry
from pc_worker.wire import MESSAGE_BYTES, RowBlock, build_block, build_read_block, row_message
from pc_worker.wire.generated import embedding_stream_pb2 as pb

EPOCH = UUID(int=7)
SIZES = st.lists(st.integers(min_value=0, max_value=400), min_size=1, max_size=40)


def _rows(sizes: list[int]) -> list[tuple[str, bytes]]:
    return [
        (str(UUID(int=number)), pb.DocumentRow(key="x" * size).SerializeToString()) for number, size in enumerate(sizes)
    ]


def _read(block: RowBlock, *, max_rows: int, max_bytes: int) -> list[pb.RowChunk]:
    cuts = block.cuts(max_rows=max_rows, max_bytes=max_bytes)
    return [pb.RowChunk.FromString(block.message(start, end)) for start, end in cuts]


@given(SIZES, st.integers(1, 50), st.integers(500, 5000), st.integers(1, 2**50), st.booleans())
def test_any_cut_gives_the_same_rows_within_both_limits(
    sizes: list[int], max_rows: int, max_bytes: int, first: int, ready: bool
) -> None:
    rows = _rows(sizes)
    block = build_entry("document", domain="d", epoch=EPOCH, nonce=1, first_position=first, rows=rows).block
    if ready:
        block = _stored(block, first, rows)

    chunks = _read(block, max_rows=max_rows, max_bytes=max_bytes)

    assert [row.key for chunk in chunks for row in chunk.document.rows] == ["x" * size for size in sizes]
    assert [row_id for chunk in chunks for row_id in chunk.row_ids] == [row_id for row_id, _ in rows]
    assert [position for chunk in chunks for position in chunk.positions] == list(range(first, first + len(sizes)))
    assert all(len(chunk.positions) <= max_rows and chunk.ByteSize() <= max_bytes for chunk in chunks)


def _stored(block: RowBlock, first: int, rows: list[tuple[str, bytes]]) -> RowBlock:
    entry = build_entry("document", domain="d", epoch=EPOCH, nonce=1, first_position=first, rows=rows)
    read = type(entry).from_bytes(entry.to_bytes(bytes(32)), bytes(32))
    assert read is not None
    return read.block


def test_a_whole_ready_block_is_forwarded_as_it_is() -> None:
    rows = _rows([5, 6])
    block = _stored(build_block("document", range(2), rows), 1, rows)

    assert list(block.cuts(max_rows=300)) == [(0, 2)]
    assert block.message(0, 2) is block.whole


def test_the_largest_row_fits_a_message() -> None:
    rows = [(str(UUID(int=1)), pb.DocumentRow(key="x" * 3_999_990).SerializeToString())]

    block = build_block("document", [2**62], rows)

    assert len(block.message(0, 1)) <= block.size(0, 1) <= MESSAGE_BYTES


def test_row_id_reads_back() -> None:
    block = build_block("document", [4, 9], _rows([1, 2]))

    assert [block.row_id(at) for at in (0, 1, -1)] == [str(UUID(int=number)) for number in (0, 1, 1)]


@given(SIZES, st.integers(1, 50), st.integers(500, 5000), st.integers(0, 39))
def test_each_message_of_a_block_is_as_long_as_the_limits_allow(
    sizes: list[int], max_rows: int, max_bytes: int, start: int
) -> None:
    block = build_block("document", range(len(sizes)), _rows(sizes))

    for first, end in block.cuts(start, max_rows=max_rows, max_bytes=max_bytes):
        assert end == len(sizes) or end - first == max_rows or block.size(first, end + 1) > max_bytes
        assert end - first == 1 or block.size(first, end) <= max_bytes


@given(st.lists(st.integers(1, 3), min_size=1, max_size=20), st.booleans())
def test_rows_as_they_are_read_give_the_same_message_as_row_by_row(counts: list[int], document: bool) -> None:
    row_type = "document" if document else "candidate"
    spans = [(0, 3, bytes(8)), (3, 2**20, bytes(400)), (0, 0, bytes(4))]
    stored = [
        (at * 2, str(UUID(int=at)), b"\x12\x02k%d" % (at % 10), spans[:n])
        for at, n in enumerate(counts if document else [1] * len(counts), start=1)
    ]
    passages = [(position, row_id, head, *each) for position, row_id, head, found in stored for each in found]
    rows = [(row_id, row_message(row_type, head, found, "m@1")) for _, row_id, head, found in stored]

    block = build_read_block(row_type, passages, "m@1")

    assert block == build_block(row_type, [position for position, *_ in stored], rows)
    assert block.uuid_bytes(0, len(block)) == b"".join(UUID(row_id).bytes for row_id, _ in rows)


def test_a_block_without_rows_has_no_messages() -> None:
    assert list(build_read_block("document", [], "m@1").cuts(max_rows=300)) == []
