"""Vectors are read as their own bytes where the database allows it, else as pgvector sends them: the same rows."""

from __future__ import annotations

import pytest

from tests.integration.gateway.client import stream
from tests.integration.gateway.conftest import Neighbours


@pytest.mark.parametrize("cast", [True, False])
async def test_both_ways_of_reading_vectors_give_the_same_rows(
    neighbours: Neighbours, gateway: str, cast: bool
) -> None:
    log = neighbours.log("law", dimension=1536)
    log.write(range(50), push=False)
    with log.connection, log.connection.cursor() as cursor:
        if not cast:
            cursor.execute("DROP CAST (vector AS bytea)")
        cursor.execute(
            "SELECT count(*) FROM pg_cast WHERE casttarget = 'bytea'::regtype AND castmethod = 'b'"
            " AND castsource = 'vector'::regtype"
        )
        assert cursor.fetchone() == (int(cast),)

    received = await stream(gateway, domain="law")

    assert received.rows == log.rows
