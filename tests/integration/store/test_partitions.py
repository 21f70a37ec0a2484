"""A domain that is partitioned while it is written, next to one with the same writes that is not: both stay equal."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.model import PassageVector, RowWrite
from pc_worker.services.maintenance.partition import (
    abandon_partitions,
    partition_domain,
    plan_partitions,
    unfinished_copies,
)
from pc_worker.services.maintenance.purge import purge_log
from pc_worker.services.search.index.indexes import build_indexes, index_status, maintain_indexes
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.db.look_ups import BY_KEY
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.store.db.planner_statistics import ANALYZE
from pc_worker.store.ledger.pipeline_state import table_sizes
from pc_worker.store.log.append import SUPERSEDE, append_log
from pc_worker.store.models.model_switch import lock_domain, relog
from pc_worker.store.partitions import fill
from pc_worker.store.partitions.log_ranges import add_log_ranges
from pc_worker.store.rows import identities, merge
from pc_worker.store.rows.forget import delete_rows
from pc_worker.store.rows.merge import mark_seen, read_stored, upsert_rows
from pc_worker.store.search.scope import Scope, begin_search
from pc_worker.store.search.scores.bm25 import MATCHING
from pc_worker.store.search.scores.nearest import INDEXED
from pc_worker.store.search.statistics import refresh_statistics
from pc_worker.store.search.terms import row_terms
from pc_worker.store.search.vector_form import VectorForm
from pc_worker.wiring import MIGRATIONS
from tests.integration.search.shelf import Shelf, WordEncoder, embed, open_shelf
from tests.support.locks import wait_for_waiting_statement

#: Only the first is partitioned in most tests; the writes of both are equal.
DIVIDED, WHOLE = "document", "candidate"
PARTS, SPAN, ROWS = 3, 400, 300
MODES: tuple[Mode, ...] = ("vector", "text", "hybrid")
STATE = {
    "rows": "row_id, source, key, payload, text, content_hash, wire, job_seq, seen_seq",
    "embeddings": "row_id, passage, dimension, start_char, end_char, text_hash, vector::text",
    "row_terms": "row_id, cardinality(terms), length",
    "log": "position, row_id, kind, first_position, superseded_by",
    "log_batches": "first_position, last_position, intact",
    "identities": "scope, key, row_id",
}

#: Statements of a chunk's transaction that find rows by their ids, with the table that they read.
BY_ID = {
    "read": (merge.STORED_IN_PARTS.format(lock=""), "rows"),
    "lock": (merge.STORED_IN_PARTS.format(lock="FOR UPDATE"), "rows"),
    "vectors": (merge.STORED_IN_PARTS.format(lock=""), "embeddings"),
    "identities": (identities.SELECT_IN_PARTS, "identities"),
    "delete": (merge.DELETE_OLD.format(table="embeddings"), "embeddings"),
    "seen": (merge.SEEN.format(listed=""), "rows"),
    "supersede": (SUPERSEDE, "log"),
}
#: Tables, functions and references of a copy that is not finished.
LEFT = """
SELECT relname FROM pg_class WHERE relname ~ '^(next|former)_'
UNION ALL SELECT proname FROM pg_proc WHERE starts_with(proname, 'mirror_')
UNION ALL SELECT conname FROM pg_constraint WHERE NOT convalidated AND conparentid = 0
"""


class Interrupted(Exception):
    """Raised between two steps, as if the process had been killed there."""


class Twins:
    """Two domains with the same writes, each write in transactions of its own."""

    def __init__(self, database: Database, seed: int, *domains: str) -> None:
        self.database, self.random, self.generation = database, random.Random(seed), 0
        self.shelves: list[Shelf] = [open_shelf(database, domain) for domain in domains or (DIVIDED, WHOLE)]

    def write_some(self) -> None:
        numbers = self.random.sample(range(ROWS), self.random.randint(1, 12))
        ids = [UUID(int=number + 1) for number in numbers]
        self.random.choice([self.store, self.store, self.store, self.forget, self.see])(ids)

    def store(self, ids: Sequence[UUID]) -> None:
        self.generation += 1
        texts = [f"word{row_id.int % 40} word{self.random.randrange(40)} made{self.generation}" for row_id in ids]
        for shelf in self.shelves:
            self.database.repeat(partial(self._store, shelf, ids, texts))

    def _store(self, shelf: Shelf, ids: Sequence[UUID], texts: Sequence[str], cursor: Cursor) -> None:
        stored = read_stored(cursor, domain=shelf.domain, model_id=shelf.model.model_id, ids=ids, lock=True)
        rows = [self._row(shelf.domain, *pair) for pair in zip(ids, texts, strict=True)]
        upsert_rows(cursor, origin=shelf._job().row_origin("twins"), rows=rows, fresh=set(ids) - set(stored))
        cursor.execute(
            "INSERT INTO identities SELECT %s, 'twins', 'key ' || id, id FROM unnest(%s::uuid[]) id"
            " ON CONFLICT DO NOTHING",
            (shelf.domain, [str(row_id) for row_id in ids]),
        )
        append_log(cursor, domain=shelf.domain, ids=ids, job_id=None, model_id=shelf.model.model_id)

    def _row(self, domain: str, row_id: UUID, text: str) -> RowWrite:
        spans = [(0, len(text)), (0, 6)][: 1 + row_id.int % 2 * (self.generation % 2)]  # now one passage, now two
        return RowWrite(
            row_no=0,
            row_id=row_id,
            key=str(row_id),
            payload_json=json.dumps({"generation": self.generation}),
            text=text,
            content_hash=hashlib.sha256(text.encode()).digest(),
            wire=text.encode(),
            terms=row_terms(domain, text, {"generation": self.generation}),
            passages=tuple(PassageVector(start, end, None, embed(text[start:end])) for start, end in spans),
        )

    def forget(self, ids: Sequence[UUID]) -> None:
        for shelf in self.shelves:
            self.database.repeat(partial(self._forget, shelf, ids))

    def _forget(self, shelf: Shelf, ids: Sequence[UUID], cursor: Cursor) -> None:
        model = shelf.model.model_id
        stored = sorted(read_stored(cursor, domain=shelf.domain, model_id=model, ids=ids, lock=True))
        delete_rows(cursor, shelf.domain, stored)
        append_log(cursor, domain=shelf.domain, ids=stored, job_id=None, model_id=model, tombstones=True)

    def see(self, ids: Sequence[UUID]) -> None:
        self.generation += 1
        for shelf in self.shelves:
            origin = shelf._job().row_origin("twins")
            origin = type(origin)(
                domain=origin.domain, source=origin.source, job_seq=self.generation, model_id=origin.model_id
            )
            self.database.repeat(partial(mark_seen, origin=origin, rows=dict.fromkeys(ids), same=True))

    def relog(self) -> None:
        for shelf in self.shelves:

            def work(cursor: Cursor, shelf: Shelf = shelf) -> None:
                lock_domain(cursor, shelf.domain)
                relog(cursor, shelf.domain, shelf.model.model_id)

            self.database.repeat(work)

    def check(self) -> None:
        """Compare everything that is stored, and what searches find."""
        for table, columns in STATE.items():
            statement = f"SELECT {columns} FROM {table} WHERE domain = %s ORDER BY 1, 2, 3"
            first, second = (rows_of(self.database, statement, shelf.domain) for shelf in self.shelves)
            assert first == second, table
            assert first, table
        for shelf in self.shelves:
            refresh_statistics(self.database, shelf.domain, always=True)
        for mode in MODES:
            first, second = (self._found(shelf.domain, mode) for shelf in self.shelves)
            assert first == second
            assert len(first) == 10

    def _found(self, domain: str, mode: Mode) -> list[tuple[str, float]]:
        request = SearchRequest(query="word7 word21", domain=domain, mode=mode)
        return [(str(hit.id), round(hit.score, 5)) for hit in search(self.database, request, encoder=WordEncoder).hits]


def rows_of(database: Database, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement, values)
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()]


@contextmanager
def writing(database_url: str, twins: Twins) -> Iterator[None]:
    """Write both domains without pause while the block runs."""
    ended, own = threading.Event(), Database(database_url, application="writer")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not ended.is_set():
                twins.write_some()
        except BaseException as exc:
            failed.append(exc)

    before, twins.database = twins.database, own
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        twins.database = before
        own.close()
    assert not failed, failed


@pytest.fixture(scope="module")
def twins(database_url: str) -> Iterator[Twins]:
    """Yield the twins after one was partitioned while both were written; the copy was killed after several steps."""
    database = Database(database_url)
    twins = Twins(database, seed=5)
    for start in range(0, ROWS, 100):
        twins.store([UUID(int=number + 1) for number in range(start, start + 100)])
    steps: list[str] = []
    with writing(database_url, twins), pytest.MonkeyPatch.context() as patch:
        patch.setattr(fill, "STEP_ROWS", 40)
        for stop in (1, 5, 17, 30, 41):
            partition_until(database_url, DIVIDED, stop, steps)
        partition_until(database_url, DIVIDED, None, steps)
    assert {"copied rows", "copied embeddings", "copied log", "built rows_source_p1_2"} <= set(steps)
    database.close()  # a session remembers for a minute that the domain was not partitioned
    yield twins
    database.close()


def partition_until(url: str, domain: str, stop: int | None, steps: list[str]) -> None:
    """Partition the domain from a session of its own, which ends after ``stop`` steps."""
    database, count = Database(url), 0

    def progress(what: str, _: int) -> None:
        nonlocal count
        count += 1
        steps.append(what)
        if count == stop:
            raise Interrupted

    try:
        assert partition_domain(database, domain, parts=PARTS, log_span=SPAN, progress=progress)
        assert stop is None, f"there were only {count} steps"
    except Interrupted:
        pass
    finally:
        database.close()


def test_no_row_is_lost_or_doubled_by_a_copy_that_is_killed_and_resumed_under_writes(twins: Twins) -> None:
    twins.check()


def test_both_domains_stay_equal_afterwards(twins: Twins, database: Database) -> None:
    for _ in range(60):
        twins.write_some()
    twins.relog()
    for _ in range(20):
        twins.write_some()
    purge_log(database, older_than_s=0)
    with database.transaction() as cursor:
        cursor.execute(ANALYZE)

    twins.check()


def test_rows_are_in_all_parts_and_nothing_of_the_copy_is_left(twins: Twins, database: Database) -> None:
    found = rows_of(database, "SELECT tableoid::regclass::text, count(*) FROM rows GROUP BY 1 ORDER BY 1")

    assert [name for name, _ in found] == ["rows_p1_0", "rows_p1_1", "rows_p1_2", "rows_rest1"]
    assert min(count for _, count in found) > 30
    assert rows_of(database, LEFT) == []


def test_a_statement_for_one_domain_reads_only_its_tables(twins: Twins, database: Database) -> None:
    plan = "EXPLAIN SELECT 1 FROM rows r JOIN log l USING (domain, row_id) WHERE r.domain = %s"
    divided, whole = (" ".join(line for (line,) in rows_of(database, plan, domain)) for domain in (DIVIDED, WHOLE))

    assert "rows_p1_2" in divided
    assert "rest1" not in divided
    assert "_p1" not in whole


@pytest.mark.parametrize("name", list(BY_ID))
def test_a_writer_looks_up_each_row_in_its_own_part_only(twins: Twins, database: Database, name: str) -> None:
    statement, table = BY_ID[name]
    (shelf, _), stored = twins.shelves, "SELECT row_id, position FROM log l WHERE domain = %s AND superseded_by IS NULL"
    found = rows_of(database, stored + " AND kind = 0 ORDER BY row_id LIMIT 60", shelf.domain)
    ids, positions = [row_id for row_id, _ in found], [position for _, position in found]
    values = {"domain": shelf.domain, "ids": ids, "model_id": shelf.model.model_id, "same": True, "seq": 10**6}
    values |= {"cells": [None] * len(ids), "positions": positions, "successors": positions, "source": "twins"}
    values |= {"scope": "twins", "keys": [f"key {row_id}" for row_id in ids]}

    with database.transaction() as cursor:
        cursor.execute(f"{merge.STAGE}; INSERT INTO stage_rows (row_id) SELECT unnest(%s::uuid[])", (ids,))
        # Parts of a hundred rows are read whole; those of a large domain are not.
        cursor.execute(f"{BY_KEY}; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {statement}", values)
        ((plan,),) = cursor.fetchone() or ((None,),)
        lookups = list(scans_of(plan["Plan"], f"{table}_p1_"))
        cursor.connection.rollback()

    assert sum(lookups) == len(ids) == 60
    assert len(lookups) >= PARTS


def scans_of(node: dict[str, Any], table: str) -> Iterator[int]:
    """Yield how often each scan of a table that begins so was run."""
    if node.get("Relation Name", "").startswith(table) and "Scan" in node["Node Type"]:
        yield node["Actual Loops"]
    for inner in node.get("Plans", ()):
        yield from scans_of(inner, table)


def test_a_row_whose_writer_was_awaited_is_read_as_it_is_then(
    twins: Twins, database: Database, database_url: str
) -> None:
    (shelf, _), own = twins.shelves, Database(database_url)
    changed, gone = UUID(int=10 * ROWS + 1), UUID(int=10 * ROWS + 2)
    twins.store([changed, gone])
    read = partial(merge.read_stored, domain=DIVIDED, model_id=shelf.model.model_id, ids=[changed, gone], lock=True)

    try:
        with ThreadPoolExecutor(1) as pool:
            with database.transaction() as cursor:
                read(cursor)
                cursor.execute("UPDATE rows SET content_hash = 'new' WHERE (domain, row_id) = (%s, %s)",
                               (DIVIDED, str(changed)))  # fmt: skip
                delete_rows(cursor, DIVIDED, [gone])
                found = pool.submit(own.repeat, read)
                wait_for_waiting_statement(database_url)
                cursor.connection.commit()
            stored = found.result()
            assert {row_id: row.content_hash for row_id, row in stored.items()} == {changed: b"new"}
    finally:
        own.close()
        twins.store([changed, gone])


def test_the_search_role_reads_the_partitions(twins: Twins, database: Database) -> None:
    found = rows_of(database, "SELECT bool_and(has_table_privilege('pcw_reader', t, 'SELECT')) FROM unnest(%s) t",
                    ["rows", "embeddings", "row_terms"])  # fmt: skip

    assert found == [(True,)]


def test_sizes_are_those_of_all_parts(twins: Twins, database: Database) -> None:
    with database.transaction() as cursor:
        sizes = {name: (size, rows) for name, size, rows in table_sizes(cursor)}
    ((stored,),) = rows_of(database, "SELECT count(*) FROM embeddings")

    assert sizes["embeddings"][0] > 4 * 8192
    assert sizes["embeddings"][1] == pytest.approx(stored, rel=0.5)


def test_a_search_merges_the_indexes_of_all_parts(
    twins: Twins, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pc_worker.services.search.index.index_choice.MIN_VECTORS", 100)
    build_indexes(database, DIVIDED)
    (state,) = index_status(database, DIVIDED)
    statement = INDEXED.format(filter="", distance=VectorForm(64).distance("e.vector", "%(vector)s::vector"))

    with database.transaction() as cursor:
        profile = begin_search(cursor, DIVIDED)
        assert profile is not None
        assert profile.index is not None
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        values = {"vector": str(embed("word1 word2").tolist()), "passages": 20, "limit": 10}
        cursor.execute(f"EXPLAIN {statement}", Scope(profile=profile).parameters | values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        values = {"candidates": [1, 2], "limit": 50}
        cursor.execute("SET LOCAL enable_bitmapscan = on; SET LOCAL enable_indexscan = off")
        text = MATCHING.format(score="e.length", norm="", filter="", facets="")
        # Of a few hundred rows, PostgreSQL before 18 reads those of the domain by their primary key.
        text = text.replace("e.domain = %(domain)s AND", "")
        cursor.execute(f"EXPLAIN {text}", Scope(profile=profile).parameters | values)
        text_plan = "\n".join(line for (line,) in cursor.fetchall())

    assert state.parts == PARTS
    assert state.built is not None
    assert (state.built.recall_mean or 0) >= 0.95
    assert state.built.size_bytes > PARTS * 8192
    assert "Merge Append" in plan
    assert all(f"Index Scan using {state.built.name}_{number}" in plan for number in range(1, PARTS + 1))
    assert all(f"row_terms_any_p1_{part}" in text_plan for part in range(PARTS))
    assert DIVIDED not in maintain_indexes(database)


def test_a_lost_part_of_an_index_is_noticed(twins: Twins, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pc_worker.services.search.index.index_choice.MIN_VECTORS", 100)
    build_indexes(database, DIVIDED)
    (state,) = index_status(database, DIVIDED)
    assert state.built is not None
    with database.transaction() as cursor:
        cursor.execute(f"DROP INDEX {state.built.name}_2")

    assert DIVIDED in maintain_indexes(database)

    left = rows_of(database, "SELECT count(*) FROM pg_class WHERE starts_with(relname, %s)", state.built.name)
    assert left == [(0,)]


def test_a_log_gets_a_range_before_its_open_one_is_reached(twins: Twins, database: Database) -> None:
    ranges = "SELECT count(*), max(pg_get_expr(relpartbound, oid)) FROM pg_class WHERE relname ~ '^log_p1_[0-9]+$'"
    ((before, _),) = rows_of(database, ranges)
    added = add_log_ranges(database)
    for _ in range(2):
        twins.store([UUID(int=number + 1) for number in range(ROWS)])
    added += add_log_ranges(database)

    assert added >= 1
    assert rows_of(database, ranges)[0][0] == before + added
    assert add_log_ranges(database) == 0
    (shelf, _) = twins.shelves
    statement = (
        "SELECT head, (SELECT max(position) FROM log l WHERE l.domain = d.domain) FROM domains d WHERE domain = %s"
    )
    ((head, last),) = rows_of(database, statement, shelf.domain)
    assert head == last
    twins.check()


def test_a_second_domain_takes_its_indexes_along(
    twins: Twins, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pc_worker.services.search.index.index_choice.MIN_VECTORS", 100)
    build_indexes(database)
    before = {state.domain: state.built and state.built.name for state in index_status(database)}

    assert partition_domain(database, WHOLE, parts=2, log_span=SPAN)

    assert {state.domain: state.built and state.built.name for state in index_status(database)} == before
    assert maintain_indexes(database) == []
    assert {state.domain: state.parts for state in index_status(database)} == {DIVIDED: PARTS, WHOLE: 2}
    twins.write_some()
    twins.check()


def test_what_was_done_is_not_done_again(twins: Twins, database: Database) -> None:
    assert plan_partitions(database, DIVIDED).done
    assert not partition_domain(database, DIVIDED)
    assert migrate(database, read_migrations(MIGRATIONS)) == []
    with pytest.raises(InvalidRequest, match="has 3 parts already"):
        partition_domain(database, DIVIDED, parts=8)
    with pytest.raises(InvalidRequest, match="ranges of 400 positions"):
        partition_domain(database, DIVIDED, log_span=SPAN * 2)
    assert plan_partitions(database, DIVIDED, parts=PARTS, log_span=SPAN).log_span == SPAN


def test_what_would_be_lost_is_named(twins: Twins, database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("CREATE VIEW seen_by_others AS SELECT key FROM rows")
    try:
        with pytest.raises(InvalidRequest, match="the view seen_by_others"):
            plan_partitions(database, "recruit")
        with pytest.raises(InvalidRequest, match="at least 2"):
            plan_partitions(database, "recruit", parts=1)
        with pytest.raises(InvalidRequest, match="at least one"):
            plan_partitions(database, "recruit", log_span=0)
    finally:
        with database.transaction() as cursor:
            cursor.execute("DROP VIEW seen_by_others")


def test_an_unfinished_copy_can_be_abandoned(twins: Twins, database: Database, database_url: str) -> None:
    open_shelf(database, "recruit").add("a domain without rows would not be copied")
    partition_until(database_url, "recruit", 6, [])
    assert unfinished_copies(database) == ["recruit"]
    assert rows_of(database, LEFT) != []
    with pytest.raises(InvalidRequest, match="the copy of recruit is not finished"):
        partition_domain(database, "skill_dic")

    abandon_partitions(database, "recruit")

    assert unfinished_copies(database) == []
    assert rows_of(database, LEFT) == []
    with pytest.raises(InvalidRequest, match="no unfinished copy"):
        abandon_partitions(database, "recruit")
    twins.write_some()
    twins.check()
