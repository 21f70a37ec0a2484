"""The catalog of vector indexes: how each was built, and its measured recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from pc_worker.model.joined import SUFFIX
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import LEAVES, OF_INDEX, PARTS
from pc_worker.store.search.log_sample import sample_rows
from pc_worker.store.search.scope import Method, VectorIndex
from pc_worker.store.search.vector_form import PRECISION, Precision, VectorForm
from pc_worker.store.search.words.splitting import RULES

#: Prefix of the names of all vector indexes; one that is not in the catalog is a leftover.
PREFIX = "embeddings_ann_"

#: Entries of a domain, in the order of its row ids, by which the number of its vectors is estimated.
COUNTED = 100_000
ALL = """
SELECT d.domain, model_id, false AS estimated, count(*) AS vectors, count(*) FILTER (WHERE passage = 0) AS rows
FROM embeddings d WHERE {asked} GROUP BY d.domain, model_id
"""
# Of each domain at most this many entries are read, by the primary key. A larger domain has the rows of its statistics,
# with as many vectors of each model as the rows that were read.
ESTIMATED = """
SELECT domain, model_id, entries >= %(counted)s AS estimated, (vectors * factor)::bigint AS vectors,
       (f.rows * factor)::bigint AS rows
FROM (
    SELECT e.domain, e.model_id, count(*) AS vectors, count(*) FILTER (WHERE passage = 0) AS rows,
           sum(count(*)) OVER same AS entries, max(count(*) FILTER (WHERE passage = 0)) OVER same AS all_rows
    FROM domains d CROSS JOIN LATERAL (
        SELECT domain, model_id, passage FROM embeddings WHERE domain = d.domain
        ORDER BY row_id, model_id, passage LIMIT %(counted)s) AS e
    WHERE {asked} GROUP BY e.domain, e.model_id WINDOW same AS (PARTITION BY e.domain)) AS f
LEFT JOIN search_statistics s USING (domain) CROSS JOIN LATERAL (
    SELECT CASE WHEN entries < %(counted)s THEN 1
                ELSE greatest(coalesce(s.documents, 0) / all_rows::float8, 1) END AS factor) AS scaled
"""
ASKED = f"(%(domain)s::text IS NULL OR d.domain IN (%(domain)s, %(domain)s || '{SUFFIX}'))"
STATES = """
WITH counted AS ({counted})
SELECT d.domain, m.model_id, m.name || '@' || m.revision, m.dimension, m.model_id = d.model_id,
       coalesce(c.rows, 0), coalesce(c.vectors, 0),
       EXISTS (SELECT FROM jobs j WHERE j.domain = d.domain AND j.state IN ('queued', 'splitting', 'running')),
       s.oldest_rules, {parts}, coalesce(c.estimated, false),
       i.index_name, i.method, {precision}, i.dimensions, i.lists, i.breadth, i.rows, i.vectors, i.target,
       i.recall_mean, i.recall_min, i.measured_at, i.built_at,
       (SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
        WHERE x.indrelid IN ({leaves}) AND {of_index})
FROM domains d
JOIN models m ON m.model_id = d.model_id
              OR EXISTS (SELECT FROM counted c WHERE c.domain = d.domain AND c.model_id = m.model_id)
LEFT JOIN counted c ON c.domain = d.domain AND c.model_id = m.model_id
LEFT JOIN vector_indexes i ON i.domain = d.domain AND i.model_id = m.model_id
LEFT JOIN search_statistics s ON s.domain = d.domain
WHERE {asked} ORDER BY d.domain, m.model_id
"""
EMBEDDINGS = LEAVES.format(table="'embeddings'")
OF_ENTRY = OF_INDEX.format(relname="c.relname", index="i.index_name")
COUNTED_STATES, ESTIMATED_STATES = (
    STATES.format(
        counted=counted.format(asked=ASKED),
        asked=ASKED,
        precision=PRECISION,
        parts=PARTS.format(domain="d.domain"),
        leaves=EMBEDDINGS,
        of_index=OF_ENTRY,
    )
    for counted in (ALL, ESTIMATED)
)
RECORD = """
INSERT INTO vector_indexes (domain, model_id, index_name, method, half, bits, dimensions, lists, rows, vectors, breadth)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (domain, model_id) DO UPDATE SET
    index_name = excluded.index_name, method = excluded.method, half = excluded.half, bits = excluded.bits,
    dimensions = excluded.dimensions, lists = excluded.lists, rows = excluded.rows, vectors = excluded.vectors,
    breadth = excluded.breadth, recall_mean = NULL, recall_min = NULL, measured_at = NULL, built_at = now()
"""
MEASURED = """
UPDATE vector_indexes SET breadth = %s, target = %s, recall_mean = %s, recall_min = %s, measured_at = now()
WHERE domain = %s AND model_id = %s AND index_name = %s
"""
SHARE = """
SELECT coalesce(avg(EXISTS (SELECT FROM embeddings e WHERE e.domain = %(domain)s AND e.row_id = s.row_id
                            AND e.model_id = %(model_id)s)::integer), 0)::float8 FROM sampled_rows s
"""
# Indexes of a failed or killed build, of a deleted model, or replaced ones; not one that is being built now.
LEFTOVERS = f"""
SELECT c.relname FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
WHERE x.indrelid IN ({EMBEDDINGS}) AND starts_with(c.relname, %s)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
  AND NOT EXISTS (SELECT FROM vector_indexes i WHERE {OF_ENTRY} AND x.indisvalid)
"""
OLDER_TERMS = "SELECT domain FROM search_statistics WHERE oldest_rules < %s AND documents > 0 ORDER BY domain"
# `LIMIT`: one vector is looked up; EXISTS could be computed by reading all of them.
FORGET_MISSING = f"""
DELETE FROM vector_indexes i
WHERE (SELECT count(*) FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
       WHERE {OF_ENTRY} AND x.indrelid IN ({EMBEDDINGS}) AND x.indisvalid) < {PARTS.format(domain="i.domain")}
   OR (SELECT true FROM embeddings e WHERE e.domain = i.domain AND e.model_id = i.model_id LIMIT 1) IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIndex:
    """A vector index; ``vectors`` and ``rows`` at its build, ``breadth`` = ef_search of hnsw or probes of ivfflat."""

    name: str
    method: Method
    precision: Precision
    dimensions: int | None
    lists: int | None
    breadth: int
    rows: int
    vectors: int
    target: float
    recall_mean: float | None
    recall_min: float | None
    measured_at: datetime | None
    built_at: datetime
    size_bytes: int

    def form(self, dimension: int) -> VectorForm:
        """Return what the index holds of vectors of ``dimension`` numbers."""
        return VectorForm(dimension, self.precision, self.dimensions)


BUILT_FIELDS = tuple(field.name for field in fields(BuiltIndex))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """The vectors of a domain under one model, and their index if any; ``loading`` = the domain has an open job.

    ``oldest_rules`` are those by which the domain's terms were made (`terms.py`); None until they are counted.
    ``parts`` = the number of tables that hold the vectors, each with its own index; 1 without partitions.
    ``estimated`` = ``rows`` and ``vectors`` are not counted.
    """

    domain: str
    model_id: int
    model: str
    dimension: int
    active: bool
    rows: int
    vectors: int
    loading: bool
    oldest_rules: int | None
    parts: int = 1
    estimated: bool = False
    built: BuiltIndex | None

    @property
    def searched_by(self) -> VectorIndex | None:
        """The index as search uses it; None if there is none."""
        if self.built is None:
            return None
        return VectorIndex(
            method=self.built.method,
            form=self.built.form(self.dimension),
            breadth=self.built.breadth,
            passages_per_row=-(-self.built.vectors // max(self.built.rows, 1)),
        )


def index_states(cursor: Cursor, domain: str | None = None, *, exact: bool = True) -> list[IndexState]:
    """Return every (domain, model) that is active or has vectors; of one domain, also its joined passages.

    Args:
        cursor: In a transaction.
        domain: Only this domain.
        exact: Count all vectors. Otherwise read at most `COUNTED` entries of a domain and estimate the rest.
    """
    cursor.execute(COUNTED_STATES if exact else ESTIMATED_STATES, {"domain": domain, "counted": COUNTED})
    return [_state(row) for row in cursor.fetchall()]


def share_of_rows(cursor: Cursor, state: IndexState, *, rows: int) -> float:
    """Return which share of about ``rows`` rows of the domain, drawn at random, has vectors of the model."""
    sample_rows(cursor, state.domain, rows=rows)
    cursor.execute(SHARE, {"domain": state.domain, "model_id": state.model_id})
    (share,) = cursor.fetchone() or (0.0,)
    return float(share)


def _state(row: Sequence[object]) -> IndexState:
    names = (
        "domain",
        "model_id",
        "model",
        "dimension",
        "active",
        "rows",
        "vectors",
        "loading",
        "oldest_rules",
        "parts",
        "estimated",
    )
    own = dict(zip(names, row[: len(names)], strict=True))
    return IndexState(**own, built=_built(row[len(names) :]))  # type: ignore[arg-type] # the driver knows no types


def _built(row: Sequence[object]) -> BuiltIndex | None:
    if row[0] is None:
        return None
    return BuiltIndex(**dict(zip(BUILT_FIELDS, row, strict=True)))  # type: ignore[arg-type] # the driver knows no types


def record_index(
    cursor: Cursor, state: IndexState, name: str, *, method: Method, form: VectorForm, lists: int | None
) -> None:
    """Make searches use the index ``name``, with a medium breadth until it is tuned."""
    breadth = 80 if lists is None else max(1, round(lists**0.5))
    precision = (form.precision == "half", form.precision == "binary", form.first)
    values = (state.domain, state.model_id, name, method, *precision, lists, state.rows, state.vectors, breadth)
    cursor.execute(RECORD, values)


def record_recall(cursor: Cursor, state: IndexState, *, breadth: int, target: float, mean: float, least: float) -> None:
    """Record the measured recall; searches use ``breadth`` from now on, unless the index was replaced meanwhile."""
    name = "" if state.built is None else state.built.name
    cursor.execute(MEASURED, (breadth, target, mean, least, state.domain, state.model_id, name))


def domains_with_older_terms(cursor: Cursor) -> list[str]:
    """Return the domains with rows whose terms were made by older rules, as of their last statistics."""
    cursor.execute(OLDER_TERMS, (RULES,))
    return [name for (name,) in cursor.fetchall()]


def forget_missing(cursor: Cursor) -> None:
    """Delete catalog entries of indexes that do not exist, are invalid, or have no vectors any more."""
    cursor.execute(FORGET_MISSING)


def leftover_indexes(cursor: Cursor) -> list[str]:
    """Return the names of vector indexes that are neither used nor being built."""
    cursor.execute(LEFTOVERS, (PREFIX,))
    return [name for (name,) in cursor.fetchall()]
