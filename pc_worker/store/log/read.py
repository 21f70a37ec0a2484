"""Read a domain's delivery log for the gateway: heads, batches and rows, without blocking the event loop."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import numpy as np

from pc_worker.errors import ContractBroken
from pc_worker.store.db.async_connect import AsyncConnector, check_not_cancelled
from pc_worker.store.db.driver_errors import translated
from pc_worker.store.db.session import (
    SET_SETTINGS,
    STATE,
    WRITE_OUT_SEARCH_PATH,
    DatabaseState,
    session_settings,
)
from pc_worker.store.log.subset import SubsetQuery
from pc_worker.urls import DatabaseServer, read_database_url

HEAD = """
SELECT d.head, d.epoch, m.name || '@' || m.revision AS model
FROM domains d JOIN models m USING (model_id) WHERE d.domain = $1
"""
FIRST_POSITION = "SELECT first_position FROM log WHERE domain = $1 AND row_id = $2 LIMIT 1"
#: The batches with positions after $2, up to $3, each with the key of its epoch's entries in the hot buffer.
BATCHES = """
SELECT b.first_position, b.last_position, b.epoch, b.nonce, b.intact, b.job_id, m.name || '@' || m.revision AS model,
       k.key
FROM log_batches b JOIN models m USING (model_id) LEFT JOIN queue_keys k USING (domain, epoch)
WHERE b.domain = $1 AND b.last_position > $2 AND b.first_position <= $3
  AND b.first_position >= coalesce(
      (SELECT max(first_position) FROM log_batches WHERE domain = $1 AND first_position <= $2 + 1), 0)
ORDER BY b.first_position LIMIT $4
"""
#: Entries after $2, up to $3, of a log that ends at $4: a row's newest entry up to $4 is read with the row as it is
#: now; a deleted row has none, or its tombstone if $7. At most $5 rows and $6 bytes (100 per row and 40 per passage for
#: the wire's overhead), but at least one row.
#: Not sorted, and model and epoch only with the first row: the costs per row determine the gateway's rate.
ROWS = """
SELECT position, passage, kind, row_id::text, wire, start_char, end_char, vector_send(vector), next IS NOT NULL,
       CASE WHEN nth = 1 THEN (
           SELECT m.name || '@' || m.revision FROM domains d JOIN models m USING (model_id) WHERE d.domain = $1) END,
       CASE WHEN nth = 1 THEN (SELECT epoch FROM domains WHERE domain = $1) END
FROM (
    SELECT l.position, l.row_id, l.kind, r.wire, e.passage, e.start_char, e.end_char, e.vector,
           dense_rank() OVER place AS nth,
           lead(l.position) OVER place AS next,
           sum(coalesce(4 * e.dimension, 0) + 40
               + CASE WHEN coalesce(e.passage, 0) = 0 THEN coalesce(octet_length(r.wire), 0) + 100 ELSE 0 END
           ) OVER place AS total
    FROM log l
    LEFT JOIN rows r ON r.domain = $1 AND r.row_id = l.row_id AND l.kind = 0
    LEFT JOIN embeddings e ON e.domain = $1 AND e.row_id = r.row_id
        AND e.model_id = (SELECT model_id FROM domains WHERE domain = $1)
    WHERE l.domain = $1 AND l.position > $2 AND l.position <= $3
      AND (l.superseded_by IS NULL OR l.superseded_by > $4)
      AND (r.row_id IS NOT NULL OR (l.kind = 1 AND $7))
    WINDOW place AS (ORDER BY l.position) -- by whole rows: all passages of a row are peers
) placed
WHERE nth <= $5 AND (nth = 1 OR total <= $6)
"""
#: Where migration 0031 could create the cast: the bytes after a vector's header are in the wire's format.
ROWS_PLAIN = ROWS.replace("vector_send(vector)", "substring(vector::bytea FROM 5)")
PLAIN = "SELECT substring('[1,2]'::vector::bytea FROM 5)"
ONE_TWO = struct.pack("<2f", 1, 2)

#: Every read is a short range by primary key: nested loops are right, and one plan fits all. ANALYZE discards a plan
#: that was made for an empty log: see `planner_statistics`. A statement that runs for a minute is stuck.
SESSION = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "statement_timeout": "60000",
}
CONNECT_S = 5.0
COMMAND_S = 65.0
#: Position and passage of a record of ROWS, by which records are sorted.
POSITION_AND_PASSAGE = itemgetter(0, 1)
#: The fields of a LoggedPassage in a record of ROWS.
PASSAGE = itemgetter(0, 3, 4, 5, 6, 7)
#: pgvector's binary form begins with the dimension and an unused number, both int16.
VECTOR_HEADER_BYTES = 4


#: A passage of a row in the log: the row's position, UUID and message without vectors; the passage's first character,
#: the one after its last, and its vector as little-endian float32.
LoggedPassage: TypeAlias = tuple[int, str, bytes, int, int, bytes]


@dataclass(frozen=True, slots=True)
class LogHead:
    """The end of a domain's log: its last position, its epoch and the active model (name@revision)."""

    position: int
    epoch: UUID
    model: str


@dataclass(frozen=True, slots=True)
class LogBatchRecord:
    """A stored log batch; positions inclusive, ``intact`` until an entry of it is superseded.

    ``queue_key`` authenticates its entry in the hot buffer; None for an earlier epoch.
    """

    first: int
    last: int
    epoch: UUID
    nonce: int
    intact: bool
    job_id: str | None
    model: str
    queue_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The log entry of a deleted row."""

    position: int
    row_id: str


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """All entries of a log slice that ends at ``upto``; the rows have vectors of one model (name@revision).

    ``passages``: the rows as their passages, in order; those of one row follow each other.
    """

    model: str
    epoch: UUID
    upto: int
    passages: Sequence[LoggedPassage]
    tombstones: Sequence[Tombstone]

    @property
    def entries(self) -> int:
        """How many rows and tombstones there are."""
        return len({position for position, *_ in self.passages}) + len(self.tombstones)


class Delivery:
    """The database as all readers of the log use it: a few shared connections, each held only during a statement.

    Every method raises Unavailable if the database does not answer. No state is kept between calls, so that any call
    can be repeated.

    Args:
        pool: From `open_pool`.
        wait_s: Timeout for a connection: until one is free, or for trying every host.
    """

    def __init__(self, pool: asyncpg.Pool, *, wait_s: float = CONNECT_S) -> None:
        self._pool, self._wait_s = pool, wait_s
        self._plain: bool | None = None

    async def head(self, domain: str) -> LogHead | None:
        """Return the present end of the domain's log; None if it has no log."""
        async with self.connection() as connection:
            record = await connection.fetchrow(HEAD, domain)
        return None if record is None else LogHead(record["head"], record["epoch"], record["model"])

    async def first_position(self, domain: str, row_id: UUID) -> int | None:
        """Return the first position that a row, even a deleted one, ever had; None if it is not in the log."""
        async with self.connection() as connection:
            position: int | None = await connection.fetchval(FIRST_POSITION, domain, row_id)
        return position

    async def batches(self, domain: str, *, after: int, upto: int, limit: int) -> list[LogBatchRecord]:
        """Return the first ``limit`` batches with positions after ``after``, up to ``upto``."""
        async with self.connection() as connection:
            records = await connection.fetch(BATCHES, domain, after, upto, limit)
        return [LogBatchRecord(*record.values()) for record in records]

    async def rows(
        self,
        domain: str,
        *,
        after: int,
        upto: int,
        head: int,
        max_rows: int,
        max_bytes: int,
        tombstones: bool = False,
        subset: SubsetQuery | None = None,
    ) -> LoggedRows | None:
        """Return rows after ``after``, up to ``upto``, of a log read up to ``head``, in order; None = no more.

        With ``tombstones`` also deleted rows. ``subset``: only its rows, and those it excludes as deleted ones.
        A row that was appended again after ``head`` is returned at its newest position up to ``head``, as it is now.
        The rows take at most ``max_bytes`` on the wire, or are a single row.

        Raises:
            Unavailable: If the database does not answer.
            ContractBroken: If a row has no vector of the active model.
        """
        async with self.connection() as connection:
            if self._plain is None:
                self._plain = await _has_plain_vectors(connection)
            others: Sequence[object] = (tombstones,) if subset is None else subset.parameters
            rows = ROWS_PLAIN if self._plain else ROWS
            statement = rows if subset is None else subset.statement(plain=self._plain)
            records = await connection.fetch(statement, domain, after, upto, head, max_rows, max_bytes, *others)
        return _logged(records, upto, plain=self._plain) if records else None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Yield a connection for one or two statements.

        Raises:
            Unavailable: If the database does not answer, or is unsuitable.
            DatabaseFailed: If it answers with any other error.
        """
        try:
            async with self._pool.acquire(timeout=self._wait_s) as connection:
                yield connection
        except Exception as exc:
            check_not_cancelled(exc)
            raise translated(exc) from exc


async def open_pool(database_url: str, *, connections: int) -> asyncpg.Pool:
    """Open a pool that connects at first use, so that it can be created while the database does not answer."""
    server = read_database_url(database_url)

    async def set_up(connection: Any) -> None:
        await set_up_session(connection, server, SESSION)

    async def keep(_: Any) -> None:
        """Do not reset a session: no code here changes its settings, and asyncpg would remove ours."""

    return await asyncpg.create_pool(
        connect=AsyncConnector(server, application="pcw_gateway"),
        min_size=0,
        max_size=connections,
        command_timeout=COMMAND_S,
        init=set_up,
        reset=keep,
    )


async def set_up_session(connection: Any, server: DatabaseServer, own: Mapping[str, str]) -> None:
    """Apply the settings of a new session and check its server.

    Raises:
        Unavailable: If the server accepts no writes.
        NotServable: If the pipeline cannot work with the server or the database.
    """
    await connection.fetch(SET_SETTINGS.format("$1", "$2"), *session_settings(own, server.session))
    await connection.execute(WRITE_OUT_SEARCH_PATH)
    DatabaseState(*await connection.fetchrow(STATE)).check()


async def _has_plain_vectors(connection: Any) -> bool:
    try:
        return bool(await connection.fetchval(PLAIN) == ONE_TWO)
    except asyncpg.CannotCoerceError:
        return False


def _logged(records: Sequence[Any], upto: int, *, plain: bool) -> LoggedRows:
    records = sorted(records, key=POSITION_AND_PASSAGE)
    *_, model, epoch = records[0]
    position, *_, more, _, _ = records[-1]
    tombstones = [Tombstone(record[0], record[3]) for record in records if record[2]]
    passages = _passages([record for record in records if not record[2]] if tombstones else records, model, plain=plain)
    return LoggedRows(model, epoch, position if more else upto, passages, tombstones)


def _passages(records: Sequence[Any], model: str, *, plain: bool) -> list[LoggedPassage]:
    # No object for each row: with it, this would take as long as all other work of the gateway on a message.
    passages = list(map(PASSAGE, records))
    sent = [record[7] for record in records]
    if None in sent:
        row_id = records[sent.index(None)][3]
        raise ContractBroken(f"row {row_id} has no vector of {model}: finish the model's switch first")
    if plain:
        return passages
    return [(*passage[:5], vector) for passage, vector in zip(passages, _little_endian(sent), strict=True)]


def _little_endian(sent: Sequence[bytes]) -> list[bytes]:
    """Convert vectors of one dimension from pgvector's binary form to plain little-endian float32."""
    if not sent:
        return []
    width = len(sent[0]) - VECTOR_HEADER_BYTES
    table = np.frombuffer(b"".join(sent), dtype=np.uint8).reshape(len(sent), -1)
    swapped = np.ascontiguousarray(table[:, VECTOR_HEADER_BYTES:]).view(">f4").astype("<f4").tobytes()
    return [swapped[start : start + width] for start in range(0, len(swapped), width)]
