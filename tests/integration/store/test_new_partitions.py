"""A domain that has no rows gets partitions while others are written, and none of their rows is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from pc_worker.errors import Unavailable
from pc_worker.services.maintenance.partition import (
    abandon_partitions,
    partition_domain,
    plan_partitions,
    unfinished_copies,
)
from pc_worker.store.db.connection import HELD_BACK, Database
from pc_worker.store.partitions.tables import PART_TABLES
from tests.integration.search.shelf import open_shelf
from tests.integration.store.test_partitions import (
    DIVIDED,
    LEFT,
    PARTS,
    ROWS,
    SPAN,
    WHOLE,
    Interrupted,
    Twins,
    rows_of,
    writing,
)

#: Written by others meanwhile; and a second domain that gets partitions of its own.
OTHER, SECOND = "recruit", "skill_dic"
TABLES = [table.name for table in PART_TABLES]
#: The files of the tables that hold the rows of all domains without partitions.
REST_FILES = """
SELECT array_agg(pg_relation_filenode(coalesce(nullif(p.partdefid, 0), c.oid)) ORDER BY c.relname) FROM pg_class c
LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid WHERE c.oid = ANY (%s::regclass[])
"""
HELD = "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s"
#: Indexes of tables with rows that are no part of an index of the whole table, without vector indexes.
ALONE = """
SELECT x.indexrelid::regclass::text FROM unnest(%s::regclass[]) AS t, pg_partition_tree(t) leaf
JOIN pg_index x ON x.indrelid = leaf.relid JOIN pg_class c ON c.oid = x.indexrelid
WHERE leaf.isleaf AND NOT c.relispartition AND NOT starts_with(c.relname, 'embeddings_ann')
"""
#: References of parts: how many each kind of table has.
REFERENCES = """
SELECT regexp_replace(conrelid::regclass::text, '_p\\d+_\\d+$', ''), count(*) FROM pg_constraint
WHERE contype = 'f' AND conrelid::regclass::text ~ %s GROUP BY 1 ORDER BY 1
"""


@pytest.fixture(scope="module", autouse=True)
def any_domain() -> Iterator[None]:
    """Let any name be that of a declared domain: there are more tests than stock domains."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pc_worker.services.maintenance.partition.get_domain", lambda name: name)
        patch.setattr("pc_worker.services.maintenance.partition.tune_indexes", lambda database, name: [])
        yield


@pytest.fixture(scope="module")
def others(database_url: str) -> Iterator[Twins]:
    """Yield a domain that is written meanwhile; it has no twin."""
    database = Database(database_url)
    others = Twins(database, 7, OTHER)
    others.store([UUID(int=number + 1) for number in range(ROWS)])
    yield others
    database.close()


@pytest.fixture(scope="module")
def twins(database_url: str, others: Twins) -> Iterator[Twins]:
    """Yield twins of which one got its partitions before its first row, the first ones of the database."""
    steps: list[str] = []
    database = Database(database_url)
    with writing(database_url, others):
        attach(database_url, DIVIDED, steps)
    assert not [step for step in steps if step.startswith(("copied", "built"))]
    twins = Twins(database, 9)
    for start in range(0, ROWS, 100):
        twins.store([UUID(int=number + 1) for number in range(start, start + 100)])
    yield twins
    database.close()


def attach(url: str, domain: str, steps: list[str], stop: Callable[[str], None] = lambda what: None) -> None:
    """Partition the domain from a session of its own; ``stop`` is called after each step."""
    database = Database(url)

    def progress(what: str, _: int) -> None:
        steps.append(what)
        stop(what)

    try:
        assert partition_domain(database, domain, parts=PARTS, log_span=SPAN, progress=progress)
    finally:
        database.close()


def test_both_domains_are_equal(twins: Twins, others: Twins, database: Database, database_url: str) -> None:
    with writing(database_url, others):
        for _ in range(60):
            twins.write_some()
        twins.relog()

    twins.check()
    found = rows_of(database, "SELECT tableoid::regclass::text, count(*) FROM rows GROUP BY 1 ORDER BY 1")
    assert [name for name, _ in found] == ["rows_p1_0", "rows_p1_1", "rows_p1_2", "rows_rest1"]
    assert rows_of(database, LEFT) == rows_of(database, HELD, HELD_BACK) == rows_of(database, ALONE, TABLES) == []


def test_a_second_domain_is_attached_to_the_partitioned_tables(
    twins: Twins, others: Twins, database: Database, database_url: str
) -> None:
    files, steps = rows_of(database, REST_FILES, TABLES), list[str]()
    assert not plan_partitions(database, SECOND).tables
    shelf = open_shelf(database, SECOND)
    with writing(database_url, others):
        attach(database_url, SECOND, steps)

    shelf.add_all([f"text {number}" for number in range(60)])
    found = rows_of(database, "SELECT DISTINCT tableoid::regclass::text FROM embeddings WHERE domain = %s", SECOND)
    assert sorted(found) == [(f"embeddings_p2_{part}",) for part in range(PARTS)]
    assert rows_of(database, REST_FILES, TABLES) == files
    assert rows_of(database, LEFT) == rows_of(database, HELD, HELD_BACK) == rows_of(database, ALONE, TABLES) == []
    assert rows_of(database, REFERENCES, "_p1_[0-2]$") == rows_of(database, REFERENCES, "_p2_[0-2]$")
    twins.check()


def test_writers_of_the_domain_itself_try_again_until_it_is_attached(
    twins: Twins, database: Database, database_url: str
) -> None:
    shelf, refused = open_shelf(database, "early"), list[str]()

    def write(what: str) -> None:
        if what == "checked log":
            with pytest.raises(Unavailable, match="being partitioned"):
                shelf.add("too early")
            refused.append(what)

    attach(database_url, "early", [], write)
    shelf.add("after that")

    assert refused
    assert rows_of(database, "SELECT count(*) FROM rows WHERE domain = 'early'") == [(1,)]


def test_an_interrupted_run_is_repeated_or_abandoned(twins: Twins, database: Database, database_url: str) -> None:
    open_shelf(database, "page")

    def stop_at(step: str) -> Callable[[str], None]:
        def stop(what: str) -> None:
            if what.startswith(step):
                raise Interrupted

        return stop

    for step in ("made rows", "checked embeddings"):
        with pytest.raises(Interrupted):
            attach(database_url, "page", [], stop_at(step))
    assert rows_of(database, HELD, HELD_BACK) != []
    abandon_partitions(database, "page")
    assert rows_of(database, HELD, HELD_BACK) == rows_of(database, LEFT) == []
    assert unfinished_copies(database) == []
    with pytest.raises(Interrupted):
        attach(database_url, "page", [], stop_at("made log"))
    attach(database_url, "page", [])

    assert rows_of(database, HELD, HELD_BACK) == rows_of(database, LEFT) == []
    assert unfinished_copies(database) == []
    twins.write_some()
    twins.check()


def test_rows_that_are_written_just_before_are_copied(twins: Twins, database: Database, database_url: str) -> None:
    shelf, steps = twins.shelves[1], list[str]()
    assert shelf.domain == WHOLE
    late = open_shelf(database, "late")

    def write(what: str) -> None:
        if what.startswith("made rows"):
            late.add("in time")

    attach(database_url, "late", steps, write)

    assert "copied rows" in steps
    (where,) = rows_of(database, "SELECT tableoid::regclass::text FROM rows WHERE domain = 'late'")
    assert where[0].startswith("rows_p")
    assert rows_of(database, LEFT) == rows_of(database, HELD, HELD_BACK) == rows_of(database, ALONE, TABLES) == []
    twins.write_some()
    twins.check()
