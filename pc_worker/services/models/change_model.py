"""Change a domain's model without downtime: backfill beside the active one, compare, switch, roll back, drop.

The old model serves until the switch, which is one transaction; after it the rows are delivered anew in a new epoch.
Rolling back is switching to the old model again. Only these verbs change what is active: settings merely seed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pc_worker.domains import Domain, Record, get_domain
from pc_worker.errors import InvalidRequest
from pc_worker.model import Model
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.embed import Embedder
from pc_worker.services.ingest.write_rows import WIRE_LIMIT
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import jobs
from pc_worker.store.models import model_switch, oversize, registry
from pc_worker.store.models.oversize import StoredTooLarge, TooLarge
from pc_worker.store.rows.vectors import sample_vectors
from pc_worker.wire import row_message

#: Rows a transaction, as many as a chunk.
BATCH = 300
#: Rows that two models are compared on.
SAMPLE = 1000
NEIGHBOURS = 10
FIRST = UUID(int=0)
#: While files are ingested, a backfill rests so many times as long as it works.
REST = 4.0
#: Batches of 3,000 rows that one purge drops of a model: what is left goes with the next.
BATCHES_A_PURGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far a model's vectors cover a domain."""

    domain: str
    model: str
    rows: int
    lacking: int
    too_large: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How much two models agree on who is near whom: the mean share of common nearest neighbours.

    ``lacking`` rows have no vectors of the candidate yet; ``too_large`` ones cannot be delivered with them.
    """

    domain: str
    active: str
    candidate: str
    rows: int
    overlap: float
    lacking: int
    too_large: int


def register(services: Services, name: str) -> Model:
    """Register a model by name or path, the same on every worker, without loading its weights.

    Raises:
        ModelUnavailable: If it is not on this machine.
    """
    identity = services.identify(name)
    with services.database.transaction() as cursor:
        return registry.register_model(
            cursor,
            name=identity.name,
            revision=identity.revision,
            dimension=identity.dimension,
            normalised=identity.normalised,
            encodable=True,
            location=name,
        )


def coverage(services: Services, domain: str, model: Model) -> Coverage:
    """Tell how many rows of the domain lack vectors of the model, and how many are too large with them."""
    with services.database.transaction() as cursor:
        rows, lacking = model_switch.count_rows(cursor, domain, model.model_id)
        too_large = oversize.count_too_large(cursor, domain, model.model_id)
    return Coverage(domain=domain, model=model.label, rows=rows, lacking=lacking, too_large=too_large)


def backfill(services: Services, domain_name: str, model: Model, *, after: UUID = FIRST) -> UUID | None:
    """Embed the next 300 rows that lack the model's vectors; gives where to go on, None at the end.

    A row that is too large for the wire with these vectors keeps none: it is noted, and `dead list` names it.
    """
    domain = _embedded(domain_name)
    with services.database.transaction() as cursor:
        if after == FIRST:
            model_switch.unretire_model(cursor, model.model_id)
        rows = model_switch.rows_lacking(cursor, domain_name, model.model_id, after=after, limit=BATCH)
    if not rows:
        return None
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
        TooLarge(row_id=row.row_id, content_hash=row.content_hash, wire_bytes=size)
        for (row, _), size in zip(made, sizes, strict=True)
        if size > WIRE_LIMIT
    ]

    def work(cursor: Cursor) -> None:
        model_switch.add_vectors(cursor, domain_name, model.model_id, fitting)
        oversize.record_too_large(cursor, domain_name, model.model_id, too_large)

    services.database.repeat(work)
    return rows[-1].row_id


def _size(domain: Domain, model: Model, row_bytes: int, places: Sequence[tuple[int, int]]) -> int:
    """Give a row's bytes on the wire."""
    vector = bytes(4 * model.dimension)
    passages = [(start, end, vector) for start, end in places]
    return row_bytes + len(row_message(domain.row_type, b"", passages, model.label))


def _stored_too_large(cursor: Cursor, domain: Domain, model: Model) -> list[TooLarge]:
    """Give rows whose stored vectors of the model make them too large, however they came there."""
    found = oversize.too_large_candidates(
        cursor, domain.name, model.model_id, dimension=model.dimension, limit=WIRE_LIMIT
    )
    sizes = [_size(domain, model, row.wire_bytes, row.places) for row in found]
    return [
        TooLarge(row_id=row.row_id, content_hash=row.content_hash, wire_bytes=size)
        for row, size in zip(found, sizes, strict=True)
        if size > WIRE_LIMIT
    ]


def rest_s(database: Database, *, worked_s: float) -> float:
    """Give how long a backfill rests after a batch that took ``worked_s`` seconds: files that arrive go first.

    Some of it goes on in any case, or it would never end where files arrive all the time.
    """
    with database.transaction() as cursor:
        return REST * worked_s if jobs.running_jobs(cursor) else 0.0


def switch(services: Services, domain_name: str, model: Model, *, max_dead: int = 0) -> int:
    """Make the model active, atomically, and deliver every row anew; gives how many rows.

    Rows too large for the wire under it, at most ``max_dead``, are neither delivered nor found while it serves.

    Raises:
        InvalidRequest: If it is active already, rows still lack its vectors, or more are too large.
    """
    domain = _embedded(domain_name)
    with services.database.transaction() as cursor:
        _check_not_active(registry.active_model(cursor, domain_name).model_id, domain_name, model)
        # In a transaction of its own: the notes stay if the switch is refused for them.
        oversize.record_too_large(cursor, domain_name, model.model_id, _stored_too_large(cursor, domain, model))
    with services.database.transaction() as cursor:
        _check_not_active(model_switch.lock_domain(cursor, domain_name), domain_name, model)
        model_switch.lock_model(cursor, model.model_id)
        _, lacking = model_switch.count_rows(cursor, domain_name, model.model_id)
        if lacking:
            raise InvalidRequest(f"{lacking} rows lack vectors of {model.label}: run `models backfill` first")
        too_large = oversize.count_too_large(cursor, domain_name, model.model_id)
        if too_large > max_dead:
            raise InvalidRequest(
                f"{too_large} rows are over {WIRE_LIMIT:,} bytes on the wire with vectors of {model.label} "
                f"(`dead list` names them): to switch and neither deliver nor find them, say `--max-dead {too_large}`"
            )
        return model_switch.switch_model(cursor, domain_name, model.model_id)


def _check_not_active(active_id: int, domain_name: str, model: Model) -> None:
    if active_id == model.model_id:
        raise InvalidRequest(f"{model.label} is the model of {domain_name} already")


def compare(services: Services, domain_name: str, model: Model) -> Comparison:
    """Compare the active model with another on a sample of rows that have vectors of both."""
    with services.database.transaction() as cursor:
        active = registry.active_model(cursor, domain_name)
        ours = sample_vectors(cursor, domain_name, active.model_id, model.model_id, limit=SAMPLE)
        _, lacking = model_switch.count_rows(cursor, domain_name, model.model_id)
        too_large = oversize.count_too_large(cursor, domain_name, model.model_id)
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
    )


def drop(services: Services, model: Model) -> int:
    """Delete a model's vectors; gives how many.

    Raises:
        InvalidRequest: If a domain uses it.
    """
    dropped = 0
    while gone := _drop_some(services.database, model.model_id, model.label):
        dropped += gone
    return dropped


def drop_retired(database: Database, *, older_than_s: float) -> int:
    """Delete vectors of models that no domain has used for so long, a bounded number a call; gives how many."""
    with database.transaction() as cursor:
        retired = model_switch.retired_models(cursor, older_than_s=older_than_s)
    dropped = 0
    for model_id in retired:
        for _ in range(BATCHES_A_PURGE):
            try:
                gone = _drop_some(database, model_id, f"model {model_id}")
            except InvalidRequest:  # it came into use again: nothing more of it goes
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
        gone = model_switch.drop_vectors(cursor, model_id, limit=BATCH * 10)
        if not gone:
            model_switch.unretire_model(cursor, model_id)
            oversize.delete_too_large(cursor, model_id)
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


def too_large_rows(services: Services, job_id: str | None) -> list[StoredTooLarge]:
    """Give the rows that are too large for the wire with some model's vectors, or those that one job wrote."""
    with services.database.transaction() as cursor:
        return oversize.list_too_large(cursor, job_id)
