"""The inbox: each entry is checked alone, and an invalid one is reported once."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest
from pydantic import SecretStr

from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.inbox import scan
from pc_worker.services.ingest.inbox.scan import NAMESPACE, scan_inbox
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.wiring import make_services
from tests.support.events import logged_events


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for domain in ("candidate", "document", "recruit"):
        (tmp_path / "roots" / "inbox" / domain).mkdir(parents=True)
    return tmp_path / "roots" / "inbox"


@pytest.fixture
def services(database_url: str, inbox: Path) -> Iterator[Services]:
    unused = SecretStr("redis://127.0.0.1:1/0")
    settings = Settings(
        home=inbox.parent, database_url=SecretStr(database_url), redis_url=unused, data_roots=(inbox.parent,)
    )
    made = make_services(settings, application="test")
    yield made
    made.database.close()


def scanned(services: Services, inbox: Path, times: int = 2) -> tuple[list[str], list[str]]:
    """Scan until unchanged files are ingested; return the sources of the new jobs and the warnings."""
    with logged_events(scan) as logs:
        ids = [job_id for _ in range(times) for job_id in scan_inbox(services, inbox)]
    with services.database.transaction() as cursor:
        cursor.execute("SELECT source FROM jobs WHERE job_id = ANY (%s)", (ids,))
        sources = [source for (source,) in cursor.fetchall()]
    return sorted(sources), [line["entry"] for line in logs if line["event"] == "inbox_entry_refused"]


def failed(database: Database, inbox: Path) -> dict[str, str]:
    """Return source, below the inbox, and error of the failed jobs."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT source, error FROM jobs WHERE state = 'failed' AND starts_with(source, %s)", (f"{inbox}",)
        )
        return {source.removeprefix(f"{inbox}/"): error for source, error in cursor.fetchall()}


def write(path: Path) -> str:
    """Write a file of content that no other test has; return its path."""
    path.write_text(f"key\n{path}\n")
    return str(path)


def bad_entries(inbox: Path) -> dict[str, str]:
    """Put one of each kind into a folder; return name → a word of the reason."""
    folder = inbox / "candidate"
    write(inbox.parent.parent / "outside.csv")
    (folder / "circle").symlink_to("circle")
    (folder / "nowhere").symlink_to("nobody")
    (folder / "outside").symlink_to(inbox.parent.parent / "outside.csv")
    (folder / "device").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(folder / "socket"))
    (inbox / "candidate" / os.fsdecode(b"caf\xe9\n.csv")).write_text("key\n1\n")
    return {
        "circle": "circle",
        "nowhere": "nowhere",
        "outside": "data roots",
        "device": "no regular file",
        "pipe": "no regular file",
        "socket": "no regular file",
        "caf\\xe9\\x0a.csv": "not UTF-8",
    }


def test_a_bad_entry_is_a_failed_job_once_and_the_others_are_ingested(
    services: Services, database: Database, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inbox)  # a socket's path is short
    good = [write(inbox / "candidate" / "a.csv"), write(inbox / "candidate" / "z\nz.csv")]
    good.append(write(inbox / "recruit" / "r.csv"))
    good.append(write(inbox / "document" / ("n" * 251 + ".csv")))
    bad = bad_entries(inbox)

    sources, warned = scanned(services, inbox)
    again = scanned(services, inbox)

    assert sources == sorted(good)
    assert sorted(warned) == sorted(f"{inbox}/candidate/{name}" for name in bad)
    assert again == ([], [])
    errors = failed(database, inbox)
    assert {name.removeprefix("candidate/") for name in errors} == set(bad)
    for name, word in bad.items():
        assert word in errors[f"candidate/{name}"]
        assert f"{inbox}/candidate/{name}" in errors[f"candidate/{name}"]


def test_a_fixed_entry_is_ingested_and_a_repeated_problem_is_reported_again(services: Services, inbox: Path) -> None:
    link = inbox / "candidate" / "late.csv"
    link.symlink_to(inbox.parent / "target.csv")
    assert scanned(services, inbox) == ([], [str(link)])

    write(inbox.parent / "target.csv")
    assert scanned(services, inbox) == ([str(link)], [])

    (inbox.parent / "target.csv").unlink()
    assert scanned(services, inbox) == ([], [str(link)])


@pytest.mark.parametrize(
    "name",
    ["a.csv.filepart", "a.CRDOWNLOAD", "a.Part", "a.TMP", "a.pkl~", ".a.csv.Xy12", "~$a.xlsx", "a.Partial", "a.SWP"],
)
def test_a_name_of_an_unfinished_download_is_ignored(services: Services, inbox: Path, name: str) -> None:
    write(inbox / "document" / name)

    assert scanned(services, inbox) == ([], [])


def test_ignored_folders_are_reported_once(services: Services, database: Database, inbox: Path) -> None:
    (inbox / "nobodys").mkdir()
    (inbox / os.fsdecode(b"\xff")).mkdir()
    write(inbox / "astray.csv")
    (inbox / ".hidden").mkdir()
    (inbox / "document" / "done.csv").mkdir()
    (inbox / "skill_dic").symlink_to("skill_dic")
    (inbox / "recruit").rmdir()
    (inbox / "recruit").symlink_to("/proc")
    good = write(inbox / "document" / "good.csv")

    sources, warned = scanned(services, inbox)

    assert sources == [good]
    names = ("\\xff", "astray.csv", "document/done.csv", "nobodys", "recruit", "skill_dic")
    assert sorted(warned) == [f"{inbox}/{name}" for name in names]
    assert scanned(services, inbox) == ([], [])
    assert failed(database, inbox) == {}


@contextmanager
def nobody() -> Iterator[None]:
    """Become an account that may read little, because root may read anything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_entry_is_reported_and_the_others_are_ingested(
    services: Services, database: Database, inbox: Path
) -> None:
    good = write(inbox / "recruit" / "good.csv")
    secret = Path(write(inbox / "document" / "secret.csv"))
    for folder in (inbox, *takewhile(lambda folder: folder != Path(tempfile.gettempdir()), inbox.parents)):
        folder.chmod(0o755)
    secret.chmod(0)
    (inbox / "candidate").chmod(0)

    with nobody():
        sources, warned = scanned(services, inbox)
    (inbox / "candidate").chmod(0o755)

    assert sources == [good]
    assert sorted(warned) == [str(inbox / "candidate"), str(secret)]
    assert [*failed(database, inbox)] == ["document/secret.csv"]


def test_a_missing_inbox_is_reported_once(services: Services, inbox: Path) -> None:
    assert scanned(services, inbox / "none") == ([], [str(inbox / "none")])
    assert scanned(services, inbox / "none") == ([], [])


def test_a_replaced_file_of_equal_size_and_time_is_ingested(services: Services, inbox: Path) -> None:
    file, new = inbox / "document" / "same.csv", inbox / "document" / ".same.new"
    file.write_text(f"key\n{inbox}1\n")
    new.write_text(f"key\n{inbox}2\n")
    for path in (file, new):
        os.utime(path, ns=(0, 10**18))
    assert scanned(services, inbox) == ([str(file)], [])

    new.rename(file)

    assert scanned(services, inbox) == ([str(file)], [])
    file.chmod(0o600)
    assert scanned(services, inbox) == ([], []), "the same content is the same job"


def replace(path: Path, content: str, *, second: int) -> None:
    path.write_text(content)
    os.utime(path, ns=(0, second * 10**9))


@pytest.mark.parametrize("domain", ["document", "candidate"])
def test_a_content_that_comes_back_to_its_file_is_ingested_again(services: Services, inbox: Path, domain: str) -> None:
    path = inbox / domain / "back.csv"

    for second, content in enumerate(("A", "B", "A", "B"), 1):
        replace(path, f"key\n{inbox}{content}\n", second=second)
        assert scanned(services, inbox) == ([str(path)], []), content
        path.touch()
        assert scanned(services, inbox, times=3) == ([], []), "the same content is the same job"


@pytest.mark.parametrize("domain", ["document", "candidate"])
def test_a_changed_file_is_ingested_after_a_copy_had_the_same_contents(
    services: Services, inbox: Path, domain: str
) -> None:
    copy, file = inbox / domain / "copy.csv", inbox / domain / "file.csv"
    for path in (copy, file):
        replace(path, f"key\n{inbox}A\n", second=1)
    scanned(services, inbox)
    for second, content in enumerate(("B", "A"), 2):
        replace(copy, f"key\n{inbox}{content}\n", second=second)
        assert scanned(services, inbox) == ([str(copy)], [])

    replace(file, f"key\n{inbox}B\n", second=4)

    assert scanned(services, inbox) == ([str(file)], [])


def test_two_scans_of_one_content_make_one_job(services: Services, database: Database, inbox: Path) -> None:
    path = inbox / "document" / "twice.csv"
    for second, content in enumerate(("A", "B"), 1):
        replace(path, f"key\n{inbox}{content}\n", second=second)
        scanned(services, inbox)
    replace(path, f"key\n{inbox}A\n", second=3)
    scan_inbox(services, inbox)
    with database.transaction() as cursor:
        cursor.execute("SELECT job_id FROM inbox_files WHERE path = %s", (str(path),))
        (before,) = cursor.fetchone() or (None,)

    first = scan_inbox(services, inbox)
    with database.transaction() as cursor:  # as if this scan had not ended when the other began
        cursor.execute("UPDATE inbox_files SET digest = NULL, job_id = %s WHERE path = %s", (before, str(path)))
    second_scan = scan_inbox(services, inbox)

    assert (len(first), second_scan) == (1, [])


def test_a_copy_is_a_source_of_its_own_where_names_scope_the_keys(services: Services, inbox: Path) -> None:
    for domain in ("document", "candidate"):
        for name in ("a.csv", "b.csv"):
            (inbox / domain / name).write_text(f"key\n{inbox}\n")

    sources, _ = scanned(services, inbox)

    assert sources == [str(inbox / "candidate" / "a.csv"), *(str(inbox / "document" / n) for n in ("a.csv", "b.csv"))]


def test_a_job_of_an_earlier_version_is_the_job_of_its_content(
    services: Services, database: Database, inbox: Path
) -> None:
    path = inbox / "document" / "old.csv"
    path.write_text(f"key\n{inbox}\n")
    digest = hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()
    old = str(uuid.uuid5(NAMESPACE, f"document\n{digest}"))
    submit(services, IngestRequest(path=str(path), domain="document"), old)
    scan_inbox(services, inbox)
    with database.transaction() as cursor:
        cursor.execute("UPDATE inbox_files SET job_id = %s WHERE path = %s", (old, str(path)))

    assert scanned(services, inbox) == ([], [])


def written(database: Database, source: str) -> None:
    """End the job of a file as if it had written a row."""
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE jobs SET state = 'completed', seq = nextval('job_sequence'), finished_at = clock_timestamp(), "
            "rows_total = 1, rows_written = 1 WHERE source = %s AND state = 'queued'",
            (source,),
        )
        assert cursor.rowcount == 1


@pytest.fixture
def _no_other_jobs(database: Database) -> None:
    """Delete the jobs of other tests, which wait without end."""
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM jobs")


@pytest.mark.usefixtures("_no_other_jobs")
def test_a_content_that_its_domain_no_longer_holds_is_ingested_from_another_file(
    services: Services, database: Database, inbox: Path
) -> None:
    first, second, third = (inbox / "candidate" / f"{name}.csv" for name in ("first", "second", "third"))
    for time, content in enumerate(("A", "B"), 1):
        replace(first, f"key\n{inbox}{content}\n", second=time)
        assert scanned(services, inbox) == ([str(first)], [])
        written(database, str(first))

    replace(second, f"key\n{inbox}A\n", second=1)
    assert scanned(services, inbox, times=3) == ([str(second)], [])
    written(database, str(second))

    replace(third, f"key\n{inbox}A\n", second=1)
    assert scanned(services, inbox, times=3) == ([], []), "the domain holds it: the same file twice is one job"


@pytest.mark.usefixtures("_no_other_jobs")
@pytest.mark.parametrize(
    "later", ["another job", "another job of the same rows", "a job that waits", "a forgotten row", "its failure"]
)
def test_what_a_later_event_replaced_is_ingested_from_a_copy(
    services: Services, database: Database, inbox: Path, later: str
) -> None:
    first, other, copy = (inbox / "candidate" / f"{name}.csv" for name in ("first", "other", "copy"))
    replace(first, f"key\n{inbox}A\n", second=1)
    scanned(services, inbox)
    written(database, str(first))
    if "job" in later:
        replace(other, f"key\n{inbox}B\n", second=1)
        assert scanned(services, inbox) == ([str(other)], [])
    if later.startswith("another job"):
        written(database, str(other))
    with database.transaction() as cursor:
        if later == "its failure":
            cursor.execute("UPDATE jobs SET state = 'failed' WHERE source = %s", (str(first),))
        if later == "another job of the same rows":
            cursor.execute("UPDATE jobs SET rows_written = 0, rows_unchanged = 1 WHERE source = %s", (str(other),))
        if later == "a forgotten row":
            add_tombstone(cursor)

    replace(copy, f"key\n{inbox}A\n", second=1)

    assert scanned(services, inbox, times=3) == ([str(copy)], [])


@pytest.mark.usefixtures("_no_other_jobs")
def test_an_old_file_that_is_renamed_does_not_replace_newer_content(
    services: Services, database: Database, inbox: Path
) -> None:
    old, new, renamed = (inbox / "candidate" / f"{name}.csv" for name in ("old", "new", "renamed"))
    for path, content in ((old, "A"), (new, "B")):
        replace(path, f"key\n{inbox}{content}\n", second=1)
        assert scanned(services, inbox) == ([str(path)], [])
        written(database, str(path))

    old.rename(renamed)

    assert scanned(services, inbox, times=3) == ([], [])
    shutil.copy2(renamed, old)
    assert scanned(services, inbox, times=3) == ([], []), "it had this content before"
    shutil.copy2(renamed, inbox / "candidate" / "copy.csv")
    assert scanned(services, inbox, times=3) == ([str(inbox / "candidate" / "copy.csv")], [])


def add_tombstone(cursor: Cursor) -> None:
    """Append a batch of no job to the domain's log."""
    cursor.execute(
        "INSERT INTO models (name, revision, dimension, normalised, encodable) VALUES ('m', '1', 3, true, true) "
        "RETURNING model_id"
    )
    (model_id,) = cursor.fetchone() or (None,)
    cursor.execute(
        "INSERT INTO domains VALUES ('candidate', 1, gen_random_uuid(), %s) ON CONFLICT DO NOTHING", (model_id,)
    )
    cursor.execute(
        "INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, model_id) "
        "VALUES ('candidate', 1, 1, gen_random_uuid(), 1, %s)",
        (model_id,),
    )


@pytest.mark.usefixtures("_no_other_jobs")
def test_a_job_that_a_scan_did_not_record_is_the_job_of_its_file(
    services: Services, database: Database, inbox: Path
) -> None:
    first, copy = inbox / "candidate" / "first.csv", inbox / "candidate" / "copy.csv"
    for time, content in enumerate(("A", "B"), 1):
        replace(first, f"key\n{inbox}{content}\n", second=time)
        scanned(services, inbox)
        written(database, str(first))
    replace(copy, f"key\n{inbox}A\n", second=1)
    assert scanned(services, inbox) == ([str(copy)], [])
    with database.transaction() as cursor:  # as if the scan had been killed
        cursor.execute("UPDATE inbox_files SET digest = NULL, job_id = NULL WHERE path = %s", (str(copy),))

    assert scanned(services, inbox, times=3) == ([], [])
