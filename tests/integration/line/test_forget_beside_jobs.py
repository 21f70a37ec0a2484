"""What was forgotten stays so for every job that began before, and may be written again by one that begins later."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.model import Job
from pc_worker.services import forget as forget_service
from pc_worker.services.dead_letters.dead_list import drop_matching
from pc_worker.services.dead_letters.retry import retry_dead
from pc_worker.services.forget import forget_ids, forget_source
from pc_worker.services.ingest.process_chunk import OpenedJob
from pc_worker.services.ingest.rows.embed import Embedder
from pc_worker.services.maintenance.purge import Retention, purge
from pc_worker.store.db.connection import Database
from pc_worker.store.ledger.leases import CRASHED
from pc_worker.store.ledger.letter_filter import LetterFilter
from pc_worker.store.log import append
from pc_worker.store.rows import merge
from pc_worker.store.rows.forget_marks import purge_marks
from tests.model.line import DOMAIN, Line, Row
from tests.support.locks import wait_for_waiting_statement

UUID_KEY = "0197a000-0000-7000-8000-00000000000a"
AT_ONCE = Retention(job_s=0, log_s=0, model_s=0, subscription_s=0)


def rows(*keys: str, text: str) -> list[Row]:
    return [{"id": key, "text": f"{text} of {key}"} for key in keys]


def forget(line: Line, key: str) -> None:
    assert forget_ids(line.database, DOMAIN, [UUID(str(line.row_id(key)))]).rows == 1


@pytest.mark.parametrize("key", ["plain", UUID_KEY])
def test_a_resumed_older_job_does_not_bring_a_forgotten_row_back(line: Line, key: str) -> None:
    old = line.begin(rows("other", key, text="old"), chunk_size=1)
    line.cancel(old)
    line.ingest(rows(key, text="new"))
    forget(line, key)

    resumed = line.resume(old)

    assert line.texts() == {"other": "old of other"}
    assert (resumed.state, resumed.rows_written, resumed.rows_skipped) == ("completed", 1, 1)
    assert line.query("SELECT key FROM identities WHERE key = %s", key) == [], "its key is not remembered again"


@pytest.mark.parametrize("key", ["plain", UUID_KEY])
def test_a_job_that_starts_after_the_forget_may_write_it_again(line: Line, key: str) -> None:
    line.ingest(rows(key, text="old"))
    forget(line, key)

    assert line.ingest(rows(key, text="new")).rows_written == 1
    assert line.texts() == {key: f"new of {key}"}


def test_a_running_older_job_skips_it_in_the_chunks_that_are_left(line: Line) -> None:
    line.ingest(rows("a", "b", text="first"))
    running = line.begin(rows("a", "b", text="second"), chunk_size=1)
    line.work(running, 0)
    forget(line, "b")

    assert line.finish(running).rows_skipped == 1
    assert line.texts() == {"a": "second of a"}


def test_a_whole_source_stays_away_also_rows_that_were_never_stored(line: Line) -> None:
    old = line.begin(rows("a", "b", UUID_KEY, text="old"), chunk_size=1)
    line.work(old, 0)
    line.cancel(old)
    elsewhere = line.begin(rows(UUID_KEY, text="elsewhere"), source="another")
    line.ingest(rows(UUID_KEY, text="new"))
    line.ingest(rows("kept", text="kept"), source="third")

    assert forget_source(line.database, DOMAIN, "shelf").rows == 2

    assert line.resume(old).rows_skipped == 2
    assert line.finish(elsewhere).rows_skipped == 1, "the row is forgotten, whichever source an older job has it from"
    assert line.texts() == {"kept": "kept of kept"}
    assert line.ingest(rows("a", text="again")).rows_written == 1


def test_what_a_newer_file_lacks_stays_away_but_a_still_newer_one_may_bring_it(line: Line) -> None:
    old = line.begin(rows("stays", "gone", "never stored", text="old"), chunk_size=1)
    line.work(old, 0)
    line.work(old, 1)
    line.cancel(old)
    newer = line.ingest(rows("stays", text="new"))
    newest = line.begin(rows("gone", text="newest"))

    assert forget_source(line.database, DOMAIN, "shelf", missing_from=newer.job_id).rows == 1

    assert line.resume(old).rows_skipped == 1
    assert line.finish(newest).rows_written == 1
    assert line.texts() == {"stays": "new of stays", "gone": "newest of gone"}


def test_a_dead_letter_of_an_older_job_does_not_bring_it_back(line: Line) -> None:
    old = line.begin([*rows("a", text="old"), {"id": "b", "text": "nul \0"}], chunk_size=1)
    line.finish(old)
    line.ingest(rows("b", text="new"))
    letters = line.query("SELECT * FROM dead_letters")
    forget(line, "b")
    assert (len(letters), line.query("SELECT * FROM dead_letters")) == (1, [])


def test_a_chunk_of_an_older_job_leaves_no_dead_letter_of_a_forgotten_row(line: Line) -> None:
    old = line.begin([*rows("a", text="old"), {"id": "b", "text": "nul \0"}], chunk_size=1)
    line.cancel(old)
    line.ingest(rows("b", text="new"))
    forget(line, "b")

    resumed = line.resume(old)

    assert (resumed.rows_written, resumed.rows_skipped, resumed.rows_dead) == (1, 1, 0)


def test_a_letter_of_a_forgotten_source_that_is_tried_again_is_skipped(line: Line) -> None:
    old = line.finish(line.begin([{"id": "b", "text": "nul \0"}, *rows("a", text="old")], chunk_size=1))
    newer = line.ingest(rows("a", text="new"))
    forget_source(line.database, DOMAIN, "shelf", missing_from=newer.job_id)
    line.query("UPDATE dead_letters SET normal_form = %s RETURNING 1", '{"id": "b", "text": "mended"}')
    (line.folder / "f0.jsonl").write_text('{"id": "b", "text": "changed"}\n')

    (told,) = retry_dead(line.services, LetterFilter(job_id=old.job_id))

    assert (told.outcome, told.from_stored_form) == ("skipped", True)
    assert line.texts() == {"a": "new of a"}


def test_marks_stay_as_long_as_an_older_job_can_go_on_and_no_longer(line: Line) -> None:
    old = line.begin(rows("a", text="old"))
    line.cancel(old)
    line.ingest(rows("a", text="new"))
    forget(line, "a")

    purge(line.services, AT_ONCE)
    assert line.resume(old).rows_skipped == 1
    assert line.texts() == {}
    assert line.query("SELECT count(*) FROM forgotten")[0][0] > 0
    purge(line.services, AT_ONCE)
    assert line.query("SELECT count(*) FROM forgotten") == [(0,)]


def test_a_mark_that_is_renewed_while_it_is_purged_stays(line: Line) -> None:
    line.ingest(rows("a", text="old"))
    forget(line, "a")  # no older job is open: the mark is not needed any more
    purging, forgetting, done = line.aside(), line.aside(), list[int]()

    def work() -> None:
        with purging.transaction() as cursor:
            done.append(purge_marks(cursor))

    purger = threading.Thread(target=work)
    with forgetting.transaction() as cursor:  # the row is forgotten again: after a job that the purge does not see
        cursor.execute("UPDATE forgotten SET seq = 1000000, forgotten_at = clock_timestamp()")
        purger.start()
        wait_for_waiting_statement(line.database_url)
        running = line.begin(rows("a", text="older"))
    purger.join(timeout=60)

    assert done == [0]
    assert line.finish(running).rows_skipped == 1
    assert line.texts() == {}
    purging.close()
    forgetting.close()


def set_forward(database: Database, step: str) -> None:
    """Make the marks as old as they are once the server's clock was set forward."""
    with database.transaction() as cursor:
        cursor.execute("UPDATE forgotten SET forgotten_at = forgotten_at - %s::interval", (step,))


def once(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, do: Callable[[], object]) -> list[None]:
    """Run something on other connections the next time that a chunk reaches a function of the store."""
    called, happened = getattr(module, name), list[None]()

    def step(*args: Any, **kwargs: Any) -> Any:
        if not happened:
            happened.append(None)
            do()
        return called(*args, **kwargs)

    monkeypatch.setattr(module, name, step)
    return happened


@pytest.mark.parametrize("step", ["0", "1 day"], ids=["steady clock", "clock set forward"])
def test_a_forget_between_a_chunks_writing_and_its_commit_wins(
    line: Line, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old, elsewhere = line.begin(rows("a", text="old")), line.aside()

    def forget_now() -> None:
        forget_source(elsewhere, DOMAIN, "shelf")
        set_forward(elsewhere, step)

    happened = once(monkeypatch, append, "append_log", forget_now)

    assert line.finish(old).rows_skipped == 1
    assert (len(happened), line.texts()) == (1, {})


@pytest.mark.parametrize("key", ["plain", UUID_KEY])
def test_a_row_that_a_later_job_has_written_before_its_turn_to_go_stays(
    line: Line, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    line.ingest(rows(key, text="old"))
    row_id, elsewhere = UUID(str(line.row_id(key))), line.aside()
    # The job begins after the forget has marked the row, and ends before the forget deletes it.
    once(monkeypatch, forget_service, "drop_letters", lambda: line.ingest(rows(key, text="new")))

    assert forget_ids(elsewhere, DOMAIN, [row_id]).rows == 0

    assert line.texts() == {key: f"new of {key}"}
    assert line.query(
        "SELECT count(*) FROM log l LEFT JOIN rows r USING (domain, row_id) "
        "WHERE l.kind = 0 AND l.superseded_by IS NULL AND r.row_id IS NULL"
    ) == [(0,)], "no entry of the log is without its row"
    assert line.ingest(rows(key, text="new")).rows_unchanged == 1
    elsewhere.close()


@pytest.mark.parametrize("step", ["0", "1 day"], ids=["steady clock", "clock set forward"])
def test_a_key_that_is_forgotten_while_a_later_job_writes_it_keeps_one_row(
    line: Line, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    line.ingest(rows("a", text="old"))
    row_id, elsewhere, later = UUID(str(line.row_id("a"))), line.aside(), line.begin(rows("a", text="new"))
    line.query("UPDATE jobs SET seq = 1000000 WHERE job_id = %s", later)  # it began after the forget took its number

    def forget_now() -> None:
        forget_ids(elsewhere, DOMAIN, [row_id])
        set_forward(elsewhere, step)

    once(monkeypatch, merge, "read_stored", forget_now)
    line.finish(later)
    line.query("UPDATE rows SET job_seq = 1, seen_seq = 1")

    line.ingest(rows("a", text="newest"))

    assert line.query("SELECT text, i.row_id = r.row_id FROM rows r JOIN identities i USING (domain, key)") == [
        ("newest of a", True)
    ]


@pytest.mark.parametrize(
    "dead", [{"text": "nul \0"}, {"text": "short", "more": "x" * 4_100_000}], ids=["no value", "too large to be sent"]
)
def test_a_row_whose_newest_version_was_dropped_is_not_missing(line: Line, dead: Row) -> None:
    line.ingest(rows("a", "b", "c", text="old"))
    newer = line.ingest([*rows("b", text="new"), {"id": "a"} | dead])
    assert (newer.rows_written, newer.rows_dead) == (1, 1)
    assert list(drop_matching(line.services, LetterFilter(job_id=newer.job_id))) == [1, 0]

    gone = forget_source(line.database, DOMAIN, "shelf", missing_from=newer.job_id)

    assert gone.rows == 1
    assert line.texts() == {"a": "old of a", "b": "new of b"}


def crashing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, at: str = "") -> None:
    """Let a method end its worker, if the records that it gets have a text with ``at``; without it, always."""
    work = getattr(owner, name)

    def crash(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not at or any(at in (record.text or "") for record in args[0]):
            raise MemoryError("as a killed worker, it keeps its lease")
        return work(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, crash)


def crashed(line: Line, job_id: str) -> Job:
    """Do a job to its end, with as many workers as it needs."""
    while True:
        with suppress(MemoryError):
            return line.finish(job_id)


def test_a_row_that_ended_its_workers_is_not_missing(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ingest(rows("a", "b", "c", text="old"))
    crashing(monkeypatch, Embedder, "embed", at="bad")

    newer = crashed(line, line.begin([*rows("b", text="new"), *rows("a", text="bad")]))

    assert (newer.rows_written, newer.rows_dead) == (1, 1)
    ((reason, form),) = line.query("SELECT reason, normal_form FROM dead_letters")
    assert (reason, json.loads(form)) == (CRASHED, {"id": "a", "text": "bad of a"})
    assert list(drop_matching(line.services, LetterFilter(job_id=newer.job_id))) == [1, 0]
    assert forget_source(line.database, DOMAIN, "shelf", missing_from=newer.job_id).rows == 1
    assert line.texts() == {"a": "old of a", "b": "new of b"}


@pytest.mark.parametrize("named", ["the job itself", "an earlier job"])
@pytest.mark.parametrize("dropped", [True, False])
def test_a_row_that_could_not_be_read_may_be_any(
    line: Line, monkeypatch: pytest.MonkeyPatch, named: str, dropped: bool
) -> None:
    line.ingest(rows("a", "b", "c", text="old"))
    earlier = line.ingest(rows("b", text="new"))
    with monkeypatch.context() as patched:
        crashing(patched, Embedder, "embed", at="bad")
        crashing(patched, OpenedJob, "dead_row")
        newer = crashed(line, line.begin([*rows("b", text="new"), *rows("a", text="bad")]))
    assert line.query("SELECT reason, normal_form FROM dead_letters") == [(CRASHED, None)]
    if dropped:
        assert list(drop_matching(line.services, LetterFilter(job_id=newer.job_id))) == [1, 0]

    with pytest.raises(InvalidRequest):
        forget_source(
            line.database, DOMAIN, "shelf", missing_from=(newer if named == "the job itself" else earlier).job_id
        )

    assert line.texts() == {"a": "old of a", "b": "new of b", "c": "old of c"}
    other = line.ingest(rows("a", text="other"), source="other shelf")
    assert forget_source(line.database, DOMAIN, "other shelf", missing_from=other.job_id).rows == 0
    newest = line.ingest(rows("a", text="good"))
    assert forget_source(line.database, DOMAIN, "shelf", missing_from=newest.job_id).rows == 2
    assert sorted(line.query("SELECT text FROM rows")) == [("good of a",), ("other of a",)]


def test_a_row_that_was_read_by_a_retry_is_not_any_row(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ingest(rows("a", "b", text="old"))
    with monkeypatch.context() as patched:
        crashing(patched, Embedder, "embed", at="bad")
        crashing(patched, OpenedJob, "dead_row")
        newer = crashed(line, line.begin(rows("a", text="bad")))

    assert [again.outcome for again in retry_dead(line.services, LetterFilter(job_id=newer.job_id))] == ["written"]

    assert forget_source(line.database, DOMAIN, "shelf", missing_from=newer.job_id).rows == 1
    assert line.texts() == {"a": "bad of a"}


@pytest.mark.parametrize("version", ["present", "earlier"])
def test_a_dead_letter_with_half_a_character_goes_with_its_row(line: Line, version: str) -> None:
    key = '김철수 "1"'
    line.ingest(rows(key, text="old"))
    line.ingest([{"id": key, "text": "half \ud83d", "address": "서울"}])
    ((form,),) = line.query("SELECT normal_form FROM dead_letters")
    assert ("서울" in form, "\\ud83d" in form) == (True, True)
    if version == "earlier":
        line.query("UPDATE dead_letters SET normal_form = %s RETURNING 1", json.dumps(json.loads(form)))

    forget(line, key)

    assert line.query("SELECT * FROM dead_letters") == []
