"""Estimate an ingest before anything is written: its rows, texts and tokens, its time, memory and disk space."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pc_worker.domains import get_domain
from pc_worker.encoding.remote import EngineEncoder
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.costs import Basis, costs
from pc_worker.services.estimate.dry_run import Subject
from pc_worker.services.estimate.sample import CLASSES, OwnTime, SourceSample, sample_windows, take_sample
from pc_worker.services.ingest.split import equal_keys, resolve_source
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.search.index.index_choice import choose_index
from pc_worker.services.sources import read_options, rejecting
from pc_worker.store.ledger.timings import past_jobs
from pc_worker.store.models import registry
from pc_worker.store.rows.vectors import count_vectors
from pc_worker.store.search.index.build import hnsw_bytes
from pc_worker.store.search.index.memory import ServerMemory, server_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an ingest of a file will do and need.

    If ``sampled_rows`` is less than ``rows``, all counts except ``rows`` and ``duplicates`` are estimates.

    Attributes:
        rows: All rows of the file.
        duplicates: Rows whose key occurs again later in the file; they count as skipped.
        sampled_rows: Rows that were read for the estimate.
        texts: Passages that need vectors; ``texts_known`` of them have one already.
        tokens: Tokens to encode; of an engine over HTTP an upper estimate, as its tokenizer is not known.
        cost_usd: USD that they cost; None unless they are encoded by an engine whose price is known.
        token_histogram: Pairs of an upper limit of tokens (None = no limit) and the number of rows.
        seconds: From the first chunk to the last; ``basis`` = from past jobs, or from a calibration.
        memory_bytes: Of all worker processes, without the pages of the source in the kernel's cache.
        disk_bytes: In the database, with its B-tree indexes; ``index_bytes`` = the vector index in addition.
        spool_bytes: The reader's sidecars of this file.
    """

    file: str
    domain: str
    rows: int
    duplicates: int
    sampled_rows: int
    rows_written: int
    rows_unchanged: int
    rows_skipped: int
    rows_dead: int
    texts: int
    texts_known: int
    tokens: int
    cost_usd: float | None
    token_histogram: tuple[tuple[int | None, int], ...]
    seconds: float
    basis: Basis
    processes: int
    memory_bytes: int
    disk_bytes: int
    index_bytes: int
    spool_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `plan --json`."""
        histogram = [{"up_to": end, "rows": rows} for end, rows in self.token_histogram]
        return asdict(self) | {"token_histogram": histogram, "seconds": round(self.seconds, 1)}


def estimate_ingest(services: Services, request: IngestRequest, *, processes: int) -> Estimate:
    """Estimate the ingest of a file; write nothing but the reader's sidecars.

    Args:
        services: This process's shared dependencies.
        request: The ingest.
        processes: Worker processes that share the work.

    Raises:
        InvalidRequest: If the domain is unknown or an option does not fit it.
        SourceRejected: If the file is rejected.
        Unavailable: If PostgreSQL does not answer.
    """
    request.check()
    before = _bytes_below(services.spool)
    subject, duplicates, keys_s = _open(services, request)
    sample = take_sample(services, subject)
    with services.database.transaction() as cursor:
        past = past_jobs(cursor, request.domain)
        vectors = count_vectors(cursor, request.domain, subject.model.model_id)
        memory = server_memory(cursor)
    counts = _counts(subject, sample, duplicates)
    cost = costs(services, subject.model, sample, past, processes=processes)
    seconds = cost.seconds(rows=counts["rows"], tokens=counts["tokens"], written=counts["rows_written"])
    seconds = max(seconds, _least_seconds(services, subject, counts["tokens"]))
    new_vectors = counts["texts"] if subject.domain.vector is None else counts["rows_written"]
    scale = counts["rows"] / max(sample.rows, 1)
    return Estimate(
        file=request.path,
        domain=request.domain,
        **counts,
        cost_usd=_cost_usd(services, subject, counts["tokens"]),
        token_histogram=tuple(
            (end or None, round(sample.histogram[end] * scale)) for end in (*CLASSES, 0) if sample.histogram[end]
        ),
        seconds=keys_s + seconds,
        basis=cost.basis,
        processes=processes,
        memory_bytes=_own_bytes() * processes,
        disk_bytes=round(sample.stored_bytes / max(sample.written, 1) * counts["rows_written"]),
        index_bytes=_index_bytes(vectors, new_vectors, subject.model.dimension, memory),
        spool_bytes=_bytes_below(services.spool) - before,
    )


def _open(services: Services, request: IngestRequest) -> tuple[Subject, int, float]:
    """Open the file and read its keys; return the subject, the number of duplicates, and the seconds of the keys."""
    domain = get_domain(request.domain)
    with services.database.transaction() as cursor:
        model = registry.active_model(cursor, domain.name)
    reading = read_options(request.delimiter, request.encoding, request.sheet)
    table = services.sources.open(request.path, options=reading)
    sampled = {row for window in sample_windows(table.rows) for row in window}
    superseded: set[int] = set()
    occurrences: dict[int, int] = {}
    duplicates, own = 0, OwnTime()
    with rejecting(request.path):
        mapping = resolve_source(domain, request.options, table, request.path)
        for group in equal_keys(domain, mapping, table, spool=services.spool):
            if mapping.key is not None:
                duplicates += len(group) - 1
                superseded.update(sampled.intersection(group[:-1]))
            else:
                occurrences.update((row, number) for number, row in enumerate(group) if row in sampled)
    subject = Subject(
        path=request.path,
        domain=domain,
        mapping=mapping,
        table=table,
        model=model,
        superseded=superseded,
        occurrences=occurrences,
    )
    return subject, duplicates, own.seconds


def _counts(subject: Subject, sample: SourceSample, duplicates: int) -> dict[str, int]:
    """Return the outcomes and texts of all rows: those of the sample, scaled to the number of rows."""
    rows = subject.table.rows
    scale = rows / max(sample.rows, 1)
    unchanged, dead = round(sample.unchanged * scale), round(sample.dead * scale)
    skipped = max(duplicates, round(sample.skipped * scale))
    return {
        "rows": rows,
        "duplicates": duplicates,
        "sampled_rows": sample.rows,
        "rows_written": max(0, rows - unchanged - skipped - dead),
        "rows_unchanged": unchanged,
        "rows_skipped": skipped,
        "rows_dead": dead,
        "texts": round(sample.texts * scale),
        "texts_known": round(sample.texts_known * scale),
        "tokens": round(sample.tokens * scale),
    }


def _engine(services: Services, subject: Subject) -> EngineEncoder | None:
    encoder = services.encoder(subject.model) if subject.domain.embedded_here else None
    return encoder if isinstance(encoder, EngineEncoder) else None


def _cost_usd(services: Services, subject: Subject, tokens: int) -> float | None:
    engine = _engine(services, subject)
    return None if engine is None or engine.usd_per_token is None else round(engine.usd_per_token * tokens, 9)


def _least_seconds(services: Services, subject: Subject, tokens: int) -> float:
    """Return the seconds that an engine's limit of tokens per minute alone takes."""
    engine = _engine(services, subject)
    limit = None if engine is None else engine.options.limits.tpm
    return 0.0 if limit is None else 60 * tokens / limit


def _index_bytes(vectors: int, new: int, dimension: int, memory: ServerMemory) -> int:
    """Return the bytes by which the vector index grows; maintenance builds it after the load."""
    spec = choose_index(vectors + new, dimension, memory)
    return 0 if spec is None else hnsw_bytes(new, spec.form)


def _own_bytes() -> int:
    """Return this process's memory in bytes, after it did a worker's work, without pages of mapped files."""
    # Not the peak: that includes the source's pages, which the kernel can free.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
