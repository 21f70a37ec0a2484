"""A store that refuses us is distinguished from one that does not answer, and its message says what to set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pc_worker.domains import Options
from pc_worker.embedded import EmbeddedServers
from pc_worker.errors import SourceDenied, SourceRejected, Unavailable
from pc_worker.model import Job
from pc_worker.object_urls import read_url
from pc_worker.reader import Limits
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.process_chunk import process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import job_status, resume
from pc_worker.services.seed import seed_domains
from pc_worker.services.sources import Sources
from pc_worker.store.ledger.leases import FAILURES_ALLOWED
from tests.model.line import services_for
from tests.support.certificates import make_certificates
from tests.support.object_store import ObjectStore, Proxy, proxy_before

Use = Callable[[dict[str, str]], None]
ROWS = "".join(f'{{"id": "k{n}", "text": "the text of row {n}"}}\n' for n in range(9)).encode()


def check(folder: Path, url: str) -> None:
    """Check a source as a command does."""
    Sources((folder,), url_roots=[read_url("s3://data")], spool=folder, limits=Limits()).check(url)


DENIALS = {
    "an expired token": (400, "ExpiredToken", "credentials have expired: set new ones"),
    "an expired token, as some say it": (403, "ExpiredToken", "credentials have expired: set new ones"),
    "a wrong secret": (403, "SignatureDoesNotMatch", r"check the credentials of the store \(SignatureDoesNotMatch\)"),
    "no permission": (403, "AccessDenied", r"check the credentials of the store \(AccessDenied\)"),
    "no permission and no reason": (403, "", "check the credentials of the store"),
    "a wrong clock": (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
    "a bucket elsewhere": (301, "PermanentRedirect", "set AWS_REGION"),
    "a region that is not its own": (400, "AuthorizationHeaderMalformed", "set AWS_REGION"),
    "a code of its own": (400, "Strange", r"refuses the request \(Strange\)"),
    "no reason at all": (400, "", "refuses the request with status 400"),
}


@pytest.mark.parametrize("case", DENIALS)
def test_a_denial_says_what_to_set(store: ObjectStore, proxy: Proxy, use: Use, tmp_path: Path, case: str) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/ExpiredToken 169.254.169.254.csv", b"id,text\n1,x\n")
    status, code, complaint = DENIALS[case]
    proxy.refuse(status, code)

    with pytest.raises(SourceDenied, match=complaint) as refused:
        check(tmp_path, url)
    assert str(refused.value).startswith(f"{url}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, ""), (429, ""), (400, "RequestTimeout")])
def test_what_passes_is_no_denial(
    store: ObjectStore, proxy: Proxy, use: Use, tmp_path: Path, impatient: None, status: int, code: str
) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/rows.csv", b"id,text\n1,x\n")
    proxy.refuse(status, code)

    with pytest.raises(Unavailable, match="does not answer"):
        check(tmp_path, url)


def test_a_missing_bucket_is_said(store: ObjectStore, use: Use, tmp_path: Path) -> None:
    use(dict(store.variables))
    sources = Sources((tmp_path,), url_roots=[read_url("s3://nowhere")], spool=tmp_path, limits=Limits())

    with pytest.raises(SourceRejected, match="there is no such"):
        sources.check("s3://nowhere/a.csv")


def test_a_private_authority_is_trusted_when_it_is_set(
    store: ObjectStore, use: Use, tmp_path: Path, impatient: None
) -> None:
    certificates = make_certificates(tmp_path)
    url = store.put("data", "in/rows.csv", b"id,text\n1,x\n")
    with proxy_before(store, certificates=certificates) as proxy:
        use(proxy.variables(store))
        with pytest.raises(SourceDenied, match=r"certificate of its endpoint is not trusted .* set AWS_CA_BUNDLE"):
            check(tmp_path, url)

        _again(use, {"AWS_CA_BUNDLE": str(certificates["ca.pem"])})
        check(tmp_path, url)


def test_an_endpoint_without_tls_is_said(store: ObjectStore, use: Use, tmp_path: Path, impatient: None) -> None:
    use({**store.variables, "AWS_ENDPOINT_URL": store.variables["AWS_ENDPOINT_URL"].replace("http://", "https://")})

    with pytest.raises(SourceDenied, match="begin the URL of the endpoint with http://"):
        check(tmp_path, "s3://data/in/rows.csv")


def test_missing_credentials_are_said(
    store: ObjectStore, use: Use, tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    found = {name: store.variables[name] for name in ("AWS_ENDPOINT_URL", "AWS_REGION")}
    use({**found, "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1"})

    with pytest.raises(SourceDenied, match=r"there are no credentials for its store, .* AWS_SKIP_SIGNATURE"):
        check(tmp_path, "s3://data/in/rows.csv")


def _again(use: Use, variables: dict[str, str]) -> None:
    """Set further variables, and forget the clients that were made without them."""
    from pc_worker.object_store import client

    client.store_of.cache_clear()
    use(variables)


@pytest.fixture
def machine(
    database_url: str, embedded_servers: EmbeddedServers, tmp_path: Path
) -> Iterator[Callable[[str], Services]]:
    """Yield a function that makes the services of one machine."""
    made = []

    def make(name: str) -> Services:
        folder = tmp_path / name
        roots = [read_url("s3://data/in")]
        made.append(
            replace(
                services_for(database_url, embedded_servers.redis_url, folder),
                make_sources=lambda: Sources([folder], url_roots=roots, spool=folder / "spool", limits=Limits()),
            )
        )
        seed_domains(made[-1])
        return made[-1]

    yield make
    for services in made:
        services.sources.close()
        services.database.close()


def begun(services: Services, url: str, job_id: str) -> str:
    """Return a job with three chunks."""
    options = Options(source=job_id, id_column="id", text_columns=("text",))
    submit(services, IngestRequest(path=url, domain="document", chunk_size=3, options=options), job_id)
    split(services, job_id)
    return job_id


def finished(services: Services, job_id: str) -> Job:
    """Do what is left of a job."""
    for chunk_no in range(3):
        process_chunk(services, job_id, chunk_no)
    return job_status(services, job_id)


def test_a_job_outlives_credentials_that_are_renewed_soon(
    store: ObjectStore, proxy: Proxy, use: Use, machine: Callable[[str], Services]
) -> None:
    use(proxy.variables(store))
    job = begun(machine("one"), store.put("data", "in/soon.jsonl", ROWS), "renewed")
    other = machine("two")
    proxy.refuse(403, "ExpiredToken")

    for _ in range(FAILURES_ALLOWED - 1):
        with pytest.raises(SourceDenied):
            process_chunk(other, job, 0)
    assert job_status(other, job).state == "running"

    proxy.serve()
    assert finished(other, job).state == "completed"


def test_a_job_that_failed_for_its_credentials_says_how_it_goes_on(
    store: ObjectStore, proxy: Proxy, use: Use, machine: Callable[[str], Services]
) -> None:
    use(proxy.variables(store))
    job = begun(machine("one"), store.put("data", "in/late.jsonl", ROWS), "late")
    other = machine("two")
    proxy.refuse(403, "ExpiredToken")
    for _ in range(FAILURES_ALLOWED):
        with pytest.raises(SourceDenied):
            process_chunk(other, job, 1)

    failed = job_status(other, job)
    assert failed.state == "failed"
    assert "credentials have expired" in str(failed.error)
    assert str(failed.error).endswith("; then `resume` continues the job")

    proxy.serve()
    assert resume(other, job).state == "running"
    assert finished(other, job).state == "completed"


def test_a_split_that_is_refused_says_how_the_job_goes_on(
    store: ObjectStore, proxy: Proxy, use: Use, machine: Callable[[str], Services]
) -> None:
    use(proxy.variables(store))
    url, services = store.put("data", "in/never.jsonl", ROWS), machine("one")
    proxy.refuse(403, "AccessDenied")

    with pytest.raises(SourceDenied):
        begun(services, url, "never")

    assert str(job_status(services, "never").error).endswith("; then `resume` continues the job")
    proxy.serve()
    resume(services, "never")
    split(services, "never")
    assert finished(services, "never").state == "completed"
