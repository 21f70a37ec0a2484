"""What PostgreSQL cannot hold is a fault of what is stored, not of a server that is away."""

from __future__ import annotations

import random

import pytest

from pc_worker.errors import DatabaseFailed
from pc_worker.services.ingest.attempts import is_permanent
from pc_worker.store.db.connection import Database


def test_an_entry_that_is_too_long_for_an_index_is_a_permanent_failure(database: Database) -> None:
    key = random.Random(1).randbytes(3_000).hex()

    with (
        pytest.raises(DatabaseFailed, match="beyond a limit of PostgreSQL: index row size") as caught,
        database.transaction() as cursor,
    ):
        cursor.execute("INSERT INTO identities VALUES ('document', 's', %s, gen_random_uuid())", (key,))

    assert is_permanent(caught.value)
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM identities")
        assert cursor.fetchone() == (0,)


def test_the_longest_source_with_the_longest_key_is_stored(database: Database) -> None:
    letters = random.Random(2)
    source, key = ("".join(chr(letters.randrange(0xAC00, 0xD7A4)) for _ in range(n)) for n in (200, 666))

    with database.transaction() as cursor:
        values = ("d" * 40, source, f"{key}xx")
        insert = "INSERT INTO identities VALUES (%s, %s, %s, gen_random_uuid()) RETURNING octet_length(key)"
        cursor.execute(insert, values)
        assert cursor.fetchone() == (2_000,)
