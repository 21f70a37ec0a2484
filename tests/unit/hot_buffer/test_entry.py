from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.hot_buffer import Entry, build_entry
from pc_worker.wire.generated import embedding_stream_pb2 as pb

KEY = bytes(range(32))


def _entry(rows: int = 3) -> Entry:
    messages = [(str(UUID(int=n)), pb.SkillEmbeddingDicRow(skill=f"s{n}").SerializeToString()) for n in range(rows)]
    return build_entry("skill_dic", domain="skill_dic", epoch=UUID(int=5), nonce=-9, first_position=11, rows=messages)


def test_an_entry_survives_its_bytes() -> None:
    entry = _entry()

    read = Entry.from_bytes(entry.to_bytes(KEY), KEY)

    assert read is not None
    assert (read.domain, read.epoch, read.nonce, read.first, read.last) == ("skill_dic", UUID(int=5), -9, 11, 13)
    assert read.message() == entry.message()
    assert [row.skill for row in pb.RowChunk.FromString(read.message()).skill_dic.rows] == ["s0", "s1", "s2"]


@given(st.data())
def test_a_damaged_entry_is_none(data: st.DataObject) -> None:
    """Any single changed bit, any truncation, any foreign bytes."""
    stored = bytearray(_entry().to_bytes(KEY))
    at = data.draw(st.integers(0, len(stored) - 1))

    cut = bytes(stored[:at])
    stored[at] ^= 1 << data.draw(st.integers(0, 7))

    assert Entry.from_bytes(bytes(stored), KEY) is None
    assert Entry.from_bytes(cut, KEY) is None
    assert Entry.from_bytes(data.draw(st.binary(max_size=200)), KEY) is None


def test_an_entry_is_read_only_with_the_key_that_sealed_it() -> None:
    stored = _entry().to_bytes(KEY)

    assert Entry.from_bytes(stored, bytes(32)) is None
    assert _entry().to_bytes(KEY) != stored, "a nonce came twice"
    for short in (b"", KEY[:16]):
        with pytest.raises(ValueError, match="key"):
            _entry().to_bytes(short)
        with pytest.raises(ValueError, match="key"):
            Entry.from_bytes(stored, short)


def test_an_entry_without_rows_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        build_entry("document", domain="d", epoch=UUID(int=1), nonce=1, first_position=1, rows=[])
