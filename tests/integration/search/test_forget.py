"""Forgetting: everything of a row goes, the log says so, and nothing else is touched."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.services.forget import Forgotten, forget_ids, forget_source
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.rows.identities import row_ids
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf


@pytest.fixture
def shelf(database: Database) -> Shelf:
    """Return the document domain, empty."""
    with database.transaction() as cursor:
        for table in ("rows", "log_batches", "log", "jobs", "identities", "search_statistics", "domains"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SELECT setval('job_sequence', 1000)")  # jobs here have lower numbers of their own
    return open_shelf(database, "document")


def add_job(
    database: Database, job_id: str, *, seq: int, source: str = "shelf", state: str = "completed", dead: int = 0
) -> None:
    plan = json.dumps({"domain": "document", "source": source, "scope": source, "key": "id"})
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO jobs (job_id, seq, domain, source, request, plan, state, rows_total, rows_dead, chunks_total, "
            "chunks_done, max_dead) VALUES (%s, %s, 'document', '/f', '{}', %s, %s, %s, %s, 1, 1, 0)",
            (job_id, seq, plan, state, dead, dead),
        )
        cursor.execute(
            "INSERT INTO chunks (job_id, chunk_no, first_row, row_count, state, dead) "
            "VALUES (%s, 0, 0, 10, 'done', %s)",
            (job_id, dead),
        )


def add_letter(database: Database, job_id: str, row_no: int, form: dict[str, object]) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO dead_letters (job_id, row_no, chunk_no, domain, reason, normal_form) "
            "VALUES (%s, %s, 0, 'document', 'bad', %s)",
            (job_id, row_no, json.dumps(form)),
        )


def count(database: Database, table: str, row_id: UUID | None = None) -> int:
    with database.transaction() as cursor:
        wanted = None if row_id is None else str(row_id)
        cursor.execute(f"SELECT count(*) FROM {table} WHERE row_id = coalesce(%s, row_id)", (wanted,))
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def test_everything_of_a_row_is_deleted_and_nothing_else(shelf: Shelf, database: Database) -> None:
    first, second = shelf.add_all(["keep this text", "forget this text"])

    assert forget_ids(database, "document", [second]) == Forgotten(rows=1, dead_letters=0)

    for table in ("rows", "embeddings", "row_terms"):
        assert count(database, table, second) == 0
        assert count(database, table, first) == 1
    hits = search(database, SearchRequest(query="forget text", domain="document"), encoder=WordEncoder).hits
    assert [hit.id for hit in hits] == [str(first)]


def test_a_tombstone_follows_in_the_log_with_the_rows_first_position(shelf: Shelf, database: Database) -> None:
    first, second = shelf.add_all(["one", "two"])
    forget_ids(database, "document", [first])

    with database.transaction() as cursor:
        cursor.execute("SELECT position, kind, first_position, superseded_by FROM log ORDER BY position")
        assert cursor.fetchall() == [(1, 0, 1, 3), (2, 0, 2, None), (3, 1, 1, None)]
        cursor.execute("SELECT first_position, last_position, intact FROM log_batches ORDER BY first_position")
        assert cursor.fetchall() == [(1, 2, False), (3, 3, True)]
        cursor.execute("SELECT head FROM domains")
        assert cursor.fetchone() == (3,)
    assert second


def test_forgetting_again_does_nothing(shelf: Shelf, database: Database) -> None:
    row_id = shelf.add("one")
    forget_ids(database, "document", [row_id])

    assert forget_ids(database, "document", [row_id, row_id]) == Forgotten(rows=0, dead_letters=0)
    assert count(database, "log") == 2


def test_an_unknown_row_is_an_error_before_anything_is_forgotten(shelf: Shelf, database: Database) -> None:
    row_id = shelf.add("one")

    with pytest.raises(NotFound, match="nothing was forgotten"):
        forget_ids(database, "document", [row_id, uuid4()])

    assert count(database, "rows") == 1


def test_a_key_that_occurs_again_gets_another_id(shelf: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        known = row_ids(cursor, "document", "shelf", ["key"])["key"]
        cursor.execute(
            "INSERT INTO log (domain, position, row_id, first_position) VALUES ('document', 1, %s, 1)", (str(known),)
        )
        cursor.execute("UPDATE domains SET head = 1")
    forget_ids(database, "document", [known])

    with database.transaction() as cursor:
        assert row_ids(cursor, "document", "shelf", ["key"])["key"] != known


def test_dead_letters_of_a_forgotten_row_are_deleted_too(shelf: Shelf, database: Database) -> None:
    with database.transaction() as cursor:
        by_key = row_ids(cursor, "document", "shelf", ['a "key"'])['a "key"']
    by_uuid = uuid4()
    add_job(database, "j", seq=1, dead=5, state="partial")
    add_job(database, "other", seq=2, dead=1, source="elsewhere", state="partial")
    add_letter(database, "j", 0, {"id": 'a "key"', "secret": "\0"})
    add_letter(database, "j", 1, {"id": str(by_uuid).upper()})
    add_letter(database, "j", 2, {"id": "another", "note": 'a "key"'})
    add_letter(database, "other", 0, {"id": 'a "key"'})

    assert forget_ids(database, "document", [by_key, by_uuid]) == Forgotten(rows=0, dead_letters=2)

    with database.transaction() as cursor:
        cursor.execute("SELECT job_id, row_no FROM dead_letters ORDER BY 1, 2")
        assert cursor.fetchall() == [("j", 2), ("other", 0)]
        cursor.execute("SELECT rows_dead, rows_skipped FROM jobs WHERE job_id = 'j'")
        assert cursor.fetchone() == (3, 2)


def test_a_whole_source_is_forgotten_in_batches(shelf: Shelf, database: Database) -> None:
    shelf.add_all([f"old {n}" for n in range(DEFAULT_CHUNK_ROWS + 20)], source="old.pkl")
    kept = shelf.add("new", source="new.pkl")
    add_job(database, "j", seq=1, dead=1, source="old.pkl", state="partial")
    add_letter(database, "j", 4, {"id": "x"})

    assert forget_source(database, "document", "old.pkl") == Forgotten(rows=DEFAULT_CHUNK_ROWS + 20, dead_letters=1)

    assert (count(database, "rows"), count(database, "rows", kept)) == (1, 1)
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*), max(last_position - first_position + 1) FROM log_batches WHERE job_id IS NULL")
        assert cursor.fetchone() == (4, DEFAULT_CHUNK_ROWS + 20)
        cursor.execute("SELECT state FROM jobs")
        assert cursor.fetchone() == ("completed",)


def test_only_rows_that_a_newer_file_lacks_are_forgotten(shelf: Shelf, database: Database) -> None:
    gone, stays = shelf.add_all(["gone", "stays"])
    with database.transaction() as cursor:
        cursor.execute("UPDATE rows SET seen_seq = 7 WHERE row_id = %s", (str(stays),))
    add_job(database, "new", seq=7)

    assert forget_source(database, "document", "shelf", missing_from="new") == Forgotten(rows=1, dead_letters=0)

    assert (count(database, "rows", gone), count(database, "rows", stays)) == (0, 1)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        pytest.param({"state": "running"}, "completed or partial", id="still running"),
        pytest.param({"state": "failed"}, "completed or partial", id="failed"),
        pytest.param({"source": "other"}, "is of source", id="of another source"),
        pytest.param({"dead": 2, "state": "partial"}, "dead letters", id="with dead letters"),
    ],
)
def test_a_job_that_cannot_show_what_is_missing_is_invalid(
    shelf: Shelf, database: Database, job: dict[str, object], message: str
) -> None:
    shelf.add("one")
    add_job(database, "j", seq=9, **job)  # type: ignore[arg-type] # the cases fit

    with pytest.raises(InvalidRequest, match=message):
        forget_source(database, "document", "shelf", missing_from="j")

    assert count(database, "rows") == 1


def test_unknown_sources_jobs_and_domains_are_errors(shelf: Shelf, database: Database) -> None:
    shelf.add("one")
    with pytest.raises(NotFound, match="no source"):
        forget_source(database, "document", "nothing")
    with pytest.raises(NotFound, match="no job"):
        forget_source(database, "document", "shelf", missing_from="nothing")
    with pytest.raises(InvalidRequest, match="unknown domain"):
        forget_source(database, "nowhere", "shelf")
    with pytest.raises(InvalidRequest, match="at least one"):
        forget_ids(database, "document", [])
