"""Every domain's log at a glance: its rows, head, model and vector index."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import PRECISION, Precision

# Rows are counted: an index-only scan, 20 ms for 100,000 rows.
TOTALS = """
SELECT d.domain, (SELECT count(*) FROM rows r WHERE r.domain = d.domain), d.head, d.epoch::text,
       m.name, m.revision, m.dimension, m.encodable,
       i.method, {precision}, i.dimensions, i.lists, i.breadth, i.rows, i.vectors, i.target, i.recall_mean,
       i.measured_at, i.built_at
FROM domains d JOIN models m USING (model_id)
LEFT JOIN vector_indexes i ON i.domain = d.domain AND i.model_id = d.model_id
WHERE d.domain = ANY (%s::text[]) ORDER BY d.domain
"""


TOTALS = TOTALS.replace("{precision}", PRECISION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveModel:
    """The model of a domain; ``encodable`` = vectors of new texts and queries can be computed with it."""

    name: str
    revision: str
    dimension: int
    encodable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainIndex:
    """The vector index of a domain; ``rows`` and ``vectors`` at its build, ``breadth`` = ef_search or probes."""

    method: Method
    precision: Precision
    dimensions: int | None
    lists: int | None
    breadth: int
    rows: int
    vectors: int
    target: float
    recall: float | None
    measured_at: datetime | None
    built_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTotals:
    """A domain's log: its rows, newest position, epoch, model, and vector index if there is one."""

    domain: str
    rows: int
    head: int
    epoch: str
    model: ActiveModel
    index: DomainIndex | None


def domain_totals(cursor: Cursor, domains: list[str]) -> list[DomainTotals]:
    """Return the totals of those of the named domains that have a log."""
    cursor.execute(TOTALS, (domains,))
    return [_totals(row) for row in cursor.fetchall()]


def _totals(row: tuple[Any, ...]) -> DomainTotals:
    domain, rows, head, epoch, *rest = row
    model, index = rest[:4], rest[4:]
    names = [field.name for field in fields(DomainIndex)]
    return DomainTotals(
        domain=domain,
        rows=rows,
        head=head,
        epoch=epoch,
        model=ActiveModel(**dict(zip(("name", "revision", "dimension", "encodable"), model, strict=True))),
        index=None if index[0] is None else DomainIndex(**dict(zip(names, index, strict=True))),
    )
