"""A domain whose declaration changed or was removed: reported at once, fixed by a command, never row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from pc_worker.doctor import diagnose
from pc_worker.domains import SourceVector, get_domain, registry
from pc_worker.embedded import EmbeddedServers
from pc_worker.errors import InvalidRequest, NotServable, UnknownDomain
from pc_worker.services.declarations import domain_states, open_domains, redeclare
from pc_worker.services.forget import forget_all, forget_ids
from pc_worker.services.ingest.uploads import purge_uploads
from pc_worker.services.jobs import job_control
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.settings import Settings
from tests.model.line import Line

NAME = "skill_dic"
Declare = Callable[..., None]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declare `skill_dic` with changes for the rest of the test; without any domain, take it out."""
    original = dict(registry._declared())
    was = original[NAME]

    def change(*, dimension: int | None = None, removed: bool = False, **changes: Any) -> None:
        vector = was.vector if dimension is None else SourceVector("skill_vector", ("vector",), dimension)
        declared = {**original, NAME: replace(was, vector=vector, **changes)}
        if removed:
            del declared[NAME]
        monkeypatch.setattr(registry, "_declared", lambda: MappingProxyType(declared))

    return change


@pytest.fixture
def line(line: Line, declare: Declare) -> Line:
    """Return the line with a `skill_dic` of three dimensions."""
    line.query("DELETE FROM domains WHERE domain = %s", NAME)
    declare(dimension=3)
    assert open_domains(line.services) == []
    return line


def skills(*names: str, dimension: int = 3) -> list[dict[str, Any]]:
    vector = [1.0, *[0.5] * (dimension - 1)]
    return [{"name": name, "category": "c", "vector": vector} for name in names]


def state_of(line: Line) -> tuple[str, str]:
    return next((state.state, state.what) for state in domain_states(line.database) if state.domain == NAME)


def test_a_domain_that_is_as_it_was_is_ok(line: Line) -> None:
    assert line.ingest(skills("a"), domain=NAME).state == "completed"
    assert {state.state for state in domain_states(line.database)} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension": 2}, "2 dimensions, the log has 3"),
        ({"dimension": 3, "row_type": "document"}, "wire row type document, the log has skill_dic"),
        ({"dimension": 3, "key": ("title", "name")}, "key columns without skill"),
    ],
)
def test_a_changed_declaration_is_said_and_mended(
    line: Line, declare: Declare, changes: dict[str, Any], words: str
) -> None:
    line.ingest(skills("a", "b"), domain=NAME)
    [(before,)] = line.query("SELECT epoch FROM domains WHERE domain = %s", NAME)
    dimension = changes["dimension"]
    declare(**changes)

    state, what = state_of(line)
    refused = _refused(line, dimension)

    assert state == "changed"
    assert words in what
    assert f"`forget --domain {NAME} --all`, then `domains redeclare {NAME}`" in what
    assert words in refused
    assert [found.domain for found in open_domains(line.services)] == [NAME], "`migrate` warns of it"
    with pytest.raises(NotServable, match="still has rows"):
        redeclare(line.services, NAME)

    assert forget_all(line.database, NAME).rows == 2
    assert "ingest its sources again" in redeclare(line.services, NAME)

    assert state_of(line) == ("ok", "")
    done = line.ingest(skills("c", dimension=dimension), domain=NAME)
    assert (done.state, done.rows_written, done.rows_dead) == ("completed", 1, 0)
    [(after,)] = line.query("SELECT epoch FROM domains WHERE domain = %s", NAME)
    assert before != after, "consumers see a new generation of the log"


def test_an_upload_stays_while_its_job_can_be_resumed_after_a_change(line: Line, declare: Declare) -> None:
    declare(dimension=2)
    _refused(line, 3)
    [(job_id,)] = line.query("SELECT job_id FROM jobs ORDER BY created_at DESC LIMIT 1")
    uploads = line.folder / "uploads"
    uploads.mkdir()
    (uploads / job_id).write_bytes(b"rows")

    assert purge_uploads(line.services, uploads) == 0

    declare(dimension=3)
    assert line.resume(job_id).state in ("queued", "splitting"), "the job goes on from the same file"
    line.query("UPDATE jobs SET state = 'failed', error = source || ': it is broken' WHERE job_id = %s", job_id)
    assert purge_uploads(line.services, uploads) == 1, "nothing is kept of a file that was rejected"


def _refused(line: Line, dimension: int) -> str:
    """Try to ingest; return the job's error, which must equal the caller's."""
    with pytest.raises(InvalidRequest) as refused:
        line.begin(skills("c", dimension=dimension), domain=NAME)
    [(state, error)] = line.query("SELECT state, error FROM jobs ORDER BY created_at DESC LIMIT 1")
    assert (state, error) == ("failed", str(refused.value))
    return str(error)


def test_a_job_that_was_running_fails_with_the_reason(line: Line, declare: Declare) -> None:
    job = line.begin(skills("a", "b"), domain=NAME, chunk_size=1)
    line.work(job, 0)
    declare(dimension=2)

    with pytest.raises(NotServable, match="2 dimensions"):
        line.work(job, 1)

    status = job_control.job_status(line.services, job)
    assert status.state == "failed"
    assert "2 dimensions" in (status.error or "")


def test_a_log_of_before_is_noted_when_it_agrees(line: Line, declare: Declare) -> None:
    line.query("UPDATE domains SET declaration = NULL")

    open_domains(line.services)

    without = "SELECT domain FROM domains WHERE declaration IS NULL AND right(domain, 7) <> '.joined'"
    assert line.query(without) == []


def test_an_open_job_keeps_a_domain_from_being_redeclared(line: Line, declare: Declare) -> None:
    job = line.begin(skills("a"), domain=NAME)
    declare(dimension=2)

    with pytest.raises(NotServable, match=f"cancel {job}"):
        redeclare(line.services, NAME)


def test_a_removed_domain_can_be_read_and_forgotten_but_not_added_to(line: Line, declare: Declare) -> None:
    line.ingest(skills("a", "b", "c"), domain=NAME)
    row = UUID(str(line.row_id("a")))
    declare(removed=True)

    state, what = state_of(line)
    found = search(
        line.database, SearchRequest(query="b", domain=NAME, mode="text"), encoder=line.services.encoder
    ).to_dict()

    assert (state, "forget" in what) == ("removed", True)
    assert len(found["hits"]) == 1
    with pytest.raises(UnknownDomain):
        line.begin(skills("d"), domain=NAME)
    assert forget_ids(line.database, NAME, [row]).rows == 1
    assert forget_all(line.database, NAME).rows == 2
    assert line.query("SELECT count(*) FROM rows WHERE domain = %s", NAME) == [(0,)]
    with pytest.raises(UnknownDomain):
        forget_all(line.database, "never heard of")


def test_doctor_says_so(line: Line, declare: Declare, embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    urls = {"database_url": SecretStr(line.database_url), "redis_url": SecretStr(embedded_servers.redis_url)}
    settings = Settings(home=tmp_path, data_roots=(tmp_path,), **urls)  # type: ignore[arg-type]
    declare(dimension=2)
    changed = next(finding for finding in diagnose(settings) if finding.check == "domains")
    declare(removed=True)
    removed = next(finding for finding in diagnose(settings) if finding.check == "domains")

    assert (changed.ok, "2 dimensions" in changed.found) == (False, True)
    assert (removed.ok, "no longer declared" in removed.found) == (True, True)
    with pytest.raises(UnknownDomain):
        get_domain(NAME)
