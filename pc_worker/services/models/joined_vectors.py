"""Vectors of joined passages that lack them: those of a second model, and of passages that a forget has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from pc_worker.domains import Domain, Record, domain_names, get_domain
from pc_worker.errors import PcWorkerError
from pc_worker.logs import get_logger
from pc_worker.model import DEFAULT_CHUNK_ROWS, Model
from pc_worker.model.joined import joined_name
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.embed import Embedder
from pc_worker.store.db.connection import Cursor
from pc_worker.store.models import model_switch, registry
from pc_worker.store.models.model_switch import LackingRow
from pc_worker.store.models.oversize import RefusedRow, record_refused
from pc_worker.store.rows import forget_marks

log = get_logger(__name__)

FIRST = UUID(int=0)
#: Passages that a turn without a reason looks at: the first ones, and as many at a random place. Their ids are hashes.
WITHIN = 20_000


def add_missing_vectors(
    services: Services, domain: Domain, model: Model, *, after: UUID = FIRST, within: int | None = None
) -> int:
    """Embed the next joined passages, as many as a chunk, that lack the model's vectors; return how many were tried.

    Passages that the model refuses are recorded, and found by their words alone. Only the next ``within`` passages
    after the id ``after`` are looked at, or all.
    """
    if domain.join is None:
        return 0
    name = joined_name(domain.name)
    with services.database.transaction() as cursor:
        rows = model_switch.rows_lacking(
            cursor, name, model.model_id, after=after, limit=DEFAULT_CHUNK_ROWS, within=within
        )
    records = [
        Record(row_no=number, key="", payload={}, text=row.text, vector=None, search_text="")
        for number, row in enumerate(rows)
    ]
    embedder = Embedder(services, model, split_long=True)
    embedded = embedder.embed(records)
    embedder.count(domain.name)
    made = [(row, passages) for n, row in enumerate(rows) if not isinstance(passages := embedded[n], str)]
    refused = refused_rows(rows, embedded)

    def work(cursor: Cursor) -> None:
        model_switch.add_vectors(cursor, name, model.model_id, made)
        record_refused(cursor, name, model.model_id, refused)

    if rows:
        services.database.repeat(work)
    return len(rows)


def refused_rows(rows: Sequence[LackingRow], embedded: Mapping[int, object]) -> list[RefusedRow]:
    """Return the rows of which the model has a reason instead of vectors; ``embedded`` is by their number."""
    return [
        RefusedRow(row_id=row.row_id, content_hash=row.content_hash, reason=reason)
        for number, row in enumerate(rows)
        if isinstance(reason := embedded[number], str)
    ]


def count_missing_vectors(cursor: Cursor, domain: Domain, model: Model) -> int:
    """Return how many joined passages of a domain lack the model's vectors."""
    if domain.join is None:
        return 0
    _, lacking = model_switch.count_lacking(cursor, joined_name(domain.name), model.model_id)
    return lacking


def complete_passages(services: Services, *, always: bool = False) -> int:
    """Embed the passages that lack vectors of their active model; return how many. Only a forget leaves such passages.

    Args:
        services: This process's shared dependencies.
        always: Look at every domain that joins its rows, not only at those of which rows were forgotten lately. Of
            the others a bounded part is looked at: each passage in one of the next turns.
    """
    done = 0
    for domain in (get_domain(name) for name in domain_names()):
        if domain.join is None:
            continue
        try:
            done += _complete(services, domain, always=always)
        except PcWorkerError as exc:  # the next turn does it; other domains do not wait for it
            log.warning("joined_passages_not_embedded", domain=domain.name, reason=str(exc))
    return done


def _complete(services: Services, domain: Domain, *, always: bool) -> int:
    with services.database.transaction() as cursor:
        forgotten = forget_marks.any_recently(cursor, domain.name)
        if not always and not forgotten:
            return 0
        model = registry.active_model(cursor, domain.name)
    done = 0
    for after in (FIRST,) if forgotten else (FIRST, uuid4()):
        within = None if forgotten else WITHIN
        while added := add_missing_vectors(services, domain, model, after=after, within=within):
            done += added
    return done
