"""Split a source: open it without executing it, map its columns, and write its chunks to the ledger."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pc_worker.domains import ColumnMapping, Domain, Options, get_domain, resolve, row_keys
from pc_worker.errors import InvalidRequest, PcWorkerError, SchemaMismatch, SourceRejected
from pc_worker.model import DEFAULT_CHUNK_ROWS, ChunkSpec, Job
from pc_worker.reader import Table
from pc_worker.services.declarations import check_unchanged
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.attempts import needing_spool, remedy
from pc_worker.services.ingest.key_index import KeyIndex
from pc_worker.services.seed import active_model_of
from pc_worker.services.sources import as_dict, rejecting, stored_options
from pc_worker.store.ledger import jobs

#: Rows read at once if only their keys are needed.
KEYS_AT_ONCE = 3000


def split(services: Services, job_id: str) -> bool:
    """Split a queued job and set it running; return False if there is nothing to do. A retry continues the same job.

    Only one process may do this at a time: the caller holds the job's ``split_attempt``.

    Raises:
        SourceRejected: If the source is rejected; the job has failed then.
        Unavailable: If PostgreSQL is unavailable; nothing is written then.
    """
    with services.database.transaction() as cursor:
        if jobs.start_job(cursor, job_id) is None:
            return False
        job = jobs.find_job(cursor, job_id)
    try:
        return _split(services, job)
    except (SourceRejected, InvalidRequest) as exc:
        _fail(services, job_id, exc)
        raise


def _split(services: Services, job: Job) -> bool:
    domain = get_domain(job.domain)
    with services.database.transaction() as cursor:
        check_unchanged(cursor, domain)
    with needing_spool():
        table = services.sources.open(job.source, options=stored_options(job.request))
    options = Options.from_dict(job.request["options"])
    with rejecting(job.source):
        mapping = resolve_source(domain, options, table, job.source)
        chunks = _chunks(domain, mapping, table, chunk_size=int(job.request["chunk_size"]), spool=services.spool)
    model = active_model_of(services, domain)
    with services.database.transaction() as cursor:
        return jobs.record_split(
            cursor,
            job.job_id,
            plan=mapping.to_dict(),
            fingerprint=as_dict(table.fingerprint),
            model_id=model.model_id,
            rows_total=table.rows,
            chunks=chunks,
        )


def resolve_source(domain: Domain, options: Options, table: Table, path: str) -> ColumnMapping:
    """Return how a source's columns are read, decided from its first rows.

    Raises:
        SourceRejected: If they do not fit the domain.
    """
    sample = table.read(0, min(table.rows, DEFAULT_CHUNK_ROWS))
    try:
        return resolve(domain, options, table.columns, sample, path.rpartition("/")[2])
    except SchemaMismatch as exc:
        raise SourceRejected(f"{path}: {exc}") from exc


def equal_keys(domain: Domain, mapping: ColumnMapping, table: Table, *, spool: Path) -> Iterator[list[int]]:
    """Yield the row numbers, ascending, of every key that occurs more than once.

    The digests of all keys, 16 bytes a row, are in a file in ``spool`` without a name: it ends with this process.
    """
    with tempfile.TemporaryFile(dir=spool) as file, KeyIndex(file) as index:
        for start in range(0, table.rows, KEYS_AT_ONCE):
            batch = table.read(start, min(table.rows, start + KEYS_AT_ONCE), mapping.key_columns)
            index.add(row_keys(domain, mapping, batch))
        for group in index.groups():
            yield group.tolist()


def _chunks(domain: Domain, mapping: ColumnMapping, table: Table, *, chunk_size: int, spool: Path) -> list[ChunkSpec]:
    superseded: dict[int, list[int]] = defaultdict(list)
    occurrences: dict[int, dict[int, int]] = defaultdict(dict)
    for group in equal_keys(domain, mapping, table, spool=spool):
        if mapping.key is not None:  # the last row of a key wins
            for row in group[:-1]:
                superseded[row // chunk_size].append(row)
        else:  # equal rows without a key are distinguished by their number
            for number, row in enumerate(group):
                occurrences[row // chunk_size][row] = number
    return [
        ChunkSpec(
            chunk_no=number,
            first_row=first,
            row_count=min(chunk_size, table.rows - first),
            superseded=sorted(superseded[number]),
            occurrences=occurrences.get(number),
        )
        for number, first in enumerate(range(0, table.rows, chunk_size))
    ]


def _fail(services: Services, job_id: str, error: PcWorkerError) -> None:
    with services.database.transaction() as cursor:
        jobs.fail_job(cursor, job_id, f"{error}{remedy(error)}", code=error.code)
