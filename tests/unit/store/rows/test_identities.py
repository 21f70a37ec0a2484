"""UUIDs: version 7 by RFC 9562; as keys, accepted in the form of 36 characters only."""

from __future__ import annotations

import uuid

import pytest

from pc_worker.model import read_uuid
from pc_worker.store.rows.identities import uuid7


def test_uuid7_contains_its_millisecond_version_and_variant() -> None:
    made = uuid7(now_ms=0x0123456789AB)

    assert made.hex.startswith("0123456789ab7")
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_uuid7s_of_one_millisecond_differ() -> None:
    assert len({uuid7(now_ms=1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x" * 36,
        "0" * 32,
        "{00000000-0000-0000-0000-000000000000}",
        "0000-" * 7 + "0",
        "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f_1",  # UUID() itself would take it
    ],
)
def test_a_text_that_is_no_uuid_is_an_ordinary_key(key: str) -> None:
    assert read_uuid(key) is None


def test_a_uuid_key_is_the_row_id() -> None:
    made = uuid.uuid5(uuid.NAMESPACE_DNS, "a")

    assert read_uuid(str(made)) == made
