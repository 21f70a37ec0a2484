"""``demo``: the whole line once, on sample files made here: ingested, streamed back, searched, explained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
import grpc

from pc_worker import wiring
from pc_worker.cli.commands.ingest import enqueue, watch
from pc_worker.cli.commands.stream import OPTIONS, credentials
from pc_worker.cli.edge import fail
from pc_worker.cli.output import print_table, visible
from pc_worker.cli.running import answers, running_stack
from pc_worker.cli.serving import own_channel
from pc_worker.embedded import Addresses, read_addresses
from pc_worker.errors import PcWorkerError
from pc_worker.logs import set_up_logs
from pc_worker.model import Job
from pc_worker.samples import Sample, write_samples
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.settings import Settings, read_settings
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

QUERIES = (
    ("document", "how do I compress data with gzip"),
    ("document", "run a function after a delay in an event loop"),
    ("document", "parse command line arguments"),
    ("transcript", "when is the app released, and who is on call"),
    ("transcript", "배송이 늦어진 이유"),
)

#: The folder of the sample files, in HOME.
SAMPLES = "samples"
#: Hits below it have no relation to these queries.
MIN_SCORE = 0.1

NEXT = """What to try next
  ./run up                                        the same stack, until Ctrl-C; its console in a browser
  ./run ingest FILE --domain document --wait      your own file
  ./run search "your question" --domain document
  ./run stream --domain document --limit 3        what a Java consumer receives
  ./run inspect FILE                              what is in a file, without executing it
  ./run --help                                    everything else"""


@click.command("demo")
def demo_command() -> int:
    """Start everything, ingest the samples, stream them back, search them, stop."""
    settings = with_samples(read_settings())
    set_up_logs(log_format=settings.log_format, level="ERROR")
    with _stack(settings) as (inside, addresses, tend):
        services = wiring.make_services(inside, application="pc_worker demo")
        console = _console(inside, addresses)
        _say(f"the stack answers: gateway {addresses.gateway}, console {console}, Flower http://{addresses.flower}")
        samples = write_samples(settings.home / SAMPLES)
        jobs = _ingest(services, samples, tend)
        complete = _report(inside, addresses, samples, jobs)
        _search(services)
        flower = answers(f"http://{addresses.flower}/healthcheck")
        print(f"\nFlower http://{addresses.flower}: {'answered' if flower else 'did not answer'}\n")
        services.database.close()
    print(NEXT)
    return 0 if complete and flower else 1


def with_samples(settings: Settings) -> Settings:
    """Return the settings with our samples among the data roots, which may be elsewhere only."""
    if settings.data_roots is None:
        return settings
    return settings.model_copy(update={"data_roots": (*settings.data_roots, (settings.home / SAMPLES).resolve())})


@contextmanager
def _stack(settings: Settings) -> Iterator[tuple[Settings, Addresses, Callable[[], None]]]:
    """Use the stack that runs under this HOME, else one of our own, which we tend: what dies is started again."""
    running = read_addresses(settings.home)
    if running is not None:
        yield settings, running, lambda: None
        return
    _say("starting PostgreSQL, Redis, worker, beat, gateway, HTTP and Flower")
    with running_stack(settings, any_port=True) as stack:
        yield stack.settings, stack.addresses, stack.tend
        _say("stopping what was started")


def _console(settings: Settings, addresses: Addresses) -> str:
    return f"{'https' if settings.tls_cert else 'http'}://{addresses.http.split(',')[0]}"


def _ingest(services: Services, samples: Sequence[Sample], tend: Callable[[], None]) -> list[Job]:
    requests = [
        IngestRequest(
            path=str(sample.path),
            domain=sample.domain,
            max_dead=sample.expected.dead,
            options=sample.options,
        )
        for sample in samples
    ]
    _say(f"ingesting {', '.join(sample.path.name for sample in samples)}")
    return watch(services, [job.job_id for job in enqueue(services, requests)], tend=tend)


def _report(settings: Settings, addresses: Addresses, samples: Sequence[Sample], jobs: Sequence[Job]) -> bool:
    table, complete = [], True
    for sample, job in zip(samples, jobs, strict=True):
        streamed = streamed_rows(settings, addresses.gateway, sample.domain)
        complete &= job.state == "completed" and streamed == job.rows_written + job.rows_unchanged
        counts = (job.rows_written, job.rows_unchanged, job.rows_skipped, job.rows_dead, streamed)
        table.append((job.domain, job.state, job.rows_total, *counts))
        if job.error is not None:
            fail(job.error, 1)
    print()
    print_table(("domain", "job", "rows in", "written", "unchanged", "skipped", "dead", "streamed back"), table)
    if not complete:
        fail("a job is not complete, or its rows did not all come back", 1)
    return complete


def streamed_rows(settings: Settings, address: str, domain: str) -> int:
    """Consume a domain through the gateway and return the number of rows.

    Raises:
        PcWorkerError: If the stream broke.
    """
    request = pb.StreamEmbeddingRequest(domain=domain)
    with own_channel(address.split(",")[0], settings, options=OPTIONS) as connection:
        call = EmbeddingStreamServiceStub(connection).StreamEmbedding(request, metadata=credentials(settings))
        try:
            return sum(len(chunk.row_ids) for chunk in call)
        except grpc.RpcError as exc:
            raise PcWorkerError(f"streaming {domain} broke: {exc.details()}") from exc


def _search(services: Services) -> None:
    for domain, query in QUERIES:
        request = SearchRequest(query=query, domain=domain, k=3, min_score=MIN_SCORE)
        result = search(services.database, request, encoder=services.encoder)
        print(f"\n{query}  ({domain}, {result.mode}, {result.took_ms:.0f} ms)")
        for hit in result.hits:
            print(visible(f"  {hit.score:.4f}  {_shown(hit)}"))


def _shown(hit: SearchHit) -> str:
    """Return a hit in a line: of a meeting, who speaks when and the utterance."""
    passage = hit.passage
    if passage is not None and passage.joined is not None:
        return f"{passage.joined.label}: {hit.payload['text'][:80]}"
    first_line = ("" if passage is None else passage.text).strip().splitlines()[:1]
    return f"{hit.payload.get('id', hit.id)}: {''.join(first_line)[:80]}"


def _say(text: str) -> None:
    sys.stdout.flush()  # what a log file has of both streams is in the order in which it happened
    print(f"· {text}", file=sys.stderr, flush=True)
