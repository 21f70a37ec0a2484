"""Change a domain's model without downtime: backfill next to the active one, compare, switch, roll back, drop.

The old model serves until the switch, which is one transaction; then all rows are delivered again in a new epoch. A
rollback is a switch to the old model. Only these functions change the active model: settings only seed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pc_worker.domains import Domain, Record, get_domain
from pc_worker.errors import InvalidRequest
from pc_worker.model import DEFAULT_CHUNK_ROWS, Model
from pc_worker.model.joined import joined_name
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.dead_letter import WIRE_LIMIT
from pc_worker.services.ingest.rows.embed import Embedder
from pc_worker.services.models.joined_vectors import add_missing_vectors, count_missing_vectors, refused_rows
from pc_worker.services.seed import register_encodable
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import jobs
from pc_worker.store.models import model_switch, oversize, registry
from pc_worker.store.models.oversize import RefusedRow
from pc_worker.store.rows.vectors import sample_vectors
from pc_worker.wire import row_message

#: Rows with which two models are compared.
SAMPLE = 1000
NEIGHBOURS = 10
FIRST = UUID(int=0)
#: Where a backfill continues that has found only joined passages: from the first row it would try them again.
BEHIND_FIRST = UUID(int=1)
#: While files are ingested, a backfill rests this many times as long as it works.
REST = 4.0
#: Batches of 10 chunks' rows that one purge deletes of a model: the next purge deletes the rest.
BATCHES_A_PURGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far a model's vectors cover a domain."""

    domain: str
    model: str
    rows: int
    lacking: int
    too_large: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How much two models agree on nearest neighbours: the mean share of common ones, 0..1.

    ``lacking`` rows have no vectors of the candidate yet; ``too_large`` rows cannot be delivered with them, and
    ``refused`` ones are refused by the candidate.
    """

    domain: str
    active: str
    candidate: str
    rows: int
    overlap: float
    lacking: int
    too_large: int
    refused: int


def register(services: Services, name: str) -> Model:
    """Register a model by name or path without loading its weights; it must be installed on every worker.

    Raises:
        ModelUnavailable: If it is not on this machine.
    """
    identity = services.identify(name)
    with services.database.transaction() as cursor:
        return register_encodable(cursor, identity, name)


def coverage(services: Services, domain: str, model: Model) -> Coverage:
    """Count the rows that lack vectors of the model, and those that are too large with them or refused."""
    with services.database.transaction() as cursor:
        rows, lacking = model_switch.count_lacking(cursor, domain, model.model_id)
        lacking += count_missing_vectors(cursor, get_domain(domain), model)
        too_large, refused = oversize.count_refused(cursor, domain, model.model_id)
    return Coverage(domain=domain, model=model.label, rows=rows, lacking=lacking, too_large=too_large, refused=refused)


def backfill(services: Services, domain_name: str, model: Model, *, after: UUID = FIRST) -> UUID | None:
    """Embed the next rows, as many as a chunk, that lack the model's vectors; after them the joined passages.

    A row that is too large for the wire with these vectors, or whose text the model refuses, gets none: it is recorded,
    and `dead list` names it. What was refused is tried again by the next backfill from the first row.

    Returns:
        The row id after which to continue; None at the end.
    """
    domain = _embedded(domain_name)
    with services.database.transaction() as cursor:
        if after == FIRST:
            model_switch.unretire_model(cursor, model.model_id)
            oversize.try_refused_again(cursor, (domain_name, joined_name(domain_name)), model.model_id)
        rows = model_switch.rows_lacking(cursor, domain_name, model.model_id, after=after, limit=DEFAULT_CHUNK_ROWS)
    if not rows:
        return max(after, BEHIND_FIRST) if add_missing_vectors(services, domain, model) else None
    records = [
        Record(row_no=number, key="", payload={}, text=row.text, vector=None, search_text="")
        for number, row in enumerate(rows)
    ]
    embedder = Embedder(services, model, split_long=domain.any_table is not None)
    embedded = embedder.embed(records)
    embedder.count(domain_name)
    made = [(row, passages) for n, row in enumerate(rows) if not isinstance(passages := embedded[n], str)]
    sizes = [_size(domain, model, row.wire_bytes, [(p.start, p.end) for p in passages]) for row, passages in made]
    fitting = [pair for pair, size in zip(made, sizes, strict=True) if size <= WIRE_LIMIT]
    too_large = [
        RefusedRow(row_id=row.row_id, content_hash=row.content_hash, wire_bytes=size)
        for (row, _), size in zip(made, sizes, strict=True)
        if size > WIRE_LIMIT
    ]
    refused = refused_rows(rows, embedded)

    def work(cursor: Cursor) -> None:
        model_switch.add_vectors(cursor, domain_name, model.model_id, fitting)
        oversize.record_refused(cursor, domain_name, model.model_id, [*too_large, *refused])

    services.database.repeat(work)
    return rows[-1].row_id


def _size(domain: Domain, model: Model, row_bytes: int, places: Sequence[tuple[int, int]]) -> int:
    """Return a row's bytes on the wire."""
    vector = bytes(4 * model.dimension)
    passages = [(start, end, vector) for start, end in places]
    return row_bytes + len(row_message(domain.row_type, b"", passages, model.label))


def _stored_too_large(cursor: Cursor, domain: Domain, model: Model) -> list[RefusedRow]:
    """Return the rows that are too large with their stored vectors of the model."""
    found = oversize.too_large_candidates(
        cursor, domain.name, model.model_id, dimension=model.dimension, limit=WIRE_LIMIT
    )
    sizes = [_size(domain, model, row.wire_bytes, row.places) for row in found]
    return [
        RefusedRow(row_id=row.row_id, content_hash=row.content_hash, wire_bytes=size)
        for row, size in zip(found, sizes, strict=True)
        if size > WIRE_LIMIT
    ]


def rest_s(database: Database, *, worked_s: float) -> float:
    """Return the seconds that a backfill rests after a batch of ``worked_s`` seconds: ingests have priority.

    It never stops completely, or it would not end while files arrive all the time.
    """
    with database.transaction() as cursor:
        return REST * worked_s if jobs.running_jobs(cursor) else 0.0


def switch(services: Services, domain_name: str, model: Model, *, max_dead: int = 0) -> int:
    """Make the model active, atomically, and deliver every row again; return the number of rows.

    Rows that are too large for the wire with it or that it refuses, at most ``max_dead``, are neither delivered nor
    found while it is active.

    Raises:
        InvalidRequest: If it is active already, rows still lack its vectors, or more rows are too large or refused.
    """
    domain = _embedded(domain_name)
    with services.database.transaction() as cursor:
        _check_not_active(registry.active_model(cursor, domain_name).model_id, domain_name, model)
        # In a separate transaction: the records stay if the switch fails because of them.
        oversize.record_refused(cursor, domain_name, model.model_id, _stored_too_large(cursor, domain, model))
    # Repeated after a deadlock: a chunk that has locked a row whose terms move here waits for the domain.
    return services.database.repeat(lambda cursor: _switch(cursor, domain, model, max_dead=max_dead))


def _switch(cursor: Cursor, domain: Domain, model: Model, *, max_dead: int) -> int:
    _check_not_active(model_switch.lock_domain(cursor, domain.name), domain.name, model)
    model_switch.lock_model(cursor, model.model_id)
    _, lacking = model_switch.count_lacking(cursor, domain.name, model.model_id)
    lacking += count_missing_vectors(cursor, domain, model)
    if lacking:
        raise InvalidRequest(f"{lacking} rows lack vectors of {model.label}: run `models backfill` first")
    too_large, refused = oversize.count_refused(cursor, domain.name, model.model_id)
    if too_large + refused > max_dead:
        size = f"{too_large} rows are over {WIRE_LIMIT:,} bytes on the wire with vectors of {model.label}"
        parts = [*([size] if too_large else []), *([f"{refused} rows are refused by {model.label}"] if refused else [])]
        raise InvalidRequest(
            f"{' and '.join(parts)} (`dead list` names them): to switch and neither deliver nor find them, use "
            f"`--max-dead {too_large + refused}`"
        )
    if domain.join is not None:
        model_switch.switch_model(cursor, joined_name(domain.name), model.model_id)
    return model_switch.switch_model(cursor, domain.name, model.model_id)


def _check_not_active(active_id: int, domain_name: str, model: Model) -> None:
    if active_id == model.model_id:
        raise InvalidRequest(f"{model.label} is the model of {domain_name} already")


def compare(services: Services, domain_name: str, model: Model) -> Comparison:
    """Compare the active model with another on a sample of rows that have vectors of both."""
    with services.database.transaction() as cursor:
        active = registry.active_model(cursor, domain_name)
        ours = sample_vectors(cursor, domain_name, active.model_id, model.model_id, limit=SAMPLE)
        _, lacking = model_switch.count_lacking(cursor, domain_name, model.model_id)
        too_large, refused = oversize.count_refused(cursor, domain_name, model.model_id)
        too_large += len(_stored_too_large(cursor, get_domain(domain_name), model))
    overlap = _overlap(*ours) if len(ours[0]) > NEIGHBOURS else 1.0
    return Comparison(
        domain=domain_name,
        active=active.label,
        candidate=model.label,
        rows=len(ours[0]),
        overlap=overlap,
        lacking=lacking,
        too_large=too_large,
        refused=refused,
    )


def drop(services: Services, model: Model) -> int:
    """Delete a model's vectors; return how many.

    Raises:
        InvalidRequest: If a domain uses it.
    """
    dropped = 0
    while gone := _drop_some(services.database, model.model_id, model.label):
        dropped += gone
    return dropped


def drop_retired(database: Database, *, older_than_s: float) -> int:
    """Delete vectors of models that no domain used for ``older_than_s`` seconds; return how many.

    One call deletes a bounded number of vectors.
    """
    with database.transaction() as cursor:
        retired = model_switch.retired_models(cursor, older_than_s=older_than_s)
    dropped = 0
    for model_id in retired:
        for _ in range(BATCHES_A_PURGE):
            try:
                gone = _drop_some(database, model_id, f"model {model_id}")
            except InvalidRequest:  # a domain uses it again: keep the rest
                break
            dropped += gone
            if not gone:
                break
    return dropped


def _drop_some(database: Database, model_id: int, label: str) -> int:
    with database.transaction() as cursor:
        users = model_switch.lock_model(cursor, model_id)
        if users:
            raise InvalidRequest(f"{label} is the model of {', '.join(users)}: switch first")
        gone = model_switch.drop_vectors(cursor, model_id, limit=DEFAULT_CHUNK_ROWS * 10)
        if not gone:
            model_switch.unretire_model(cursor, model_id)
            oversize.delete_refusals(cursor, model_id)
        return gone


def _embedded(domain_name: str) -> Domain:
    domain = get_domain(domain_name)
    if domain.vector is not None:
        raise InvalidRequest(f"the vectors of {domain_name} come with its sources: there is no model to change")
    return domain


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    near = [np.argsort(-(vectors @ vectors.T), axis=1)[:, 1 : NEIGHBOURS + 1] for vectors in (first, second)]
    common = [len(set(a) & set(b)) for a, b in zip(*near, strict=True)]
    return float(np.mean(common)) / NEIGHBOURS
