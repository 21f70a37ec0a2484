"""The scope of a search: the domain with its model, statistics and vector index, in one read-only snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pc_worker.model import Model
from pc_worker.model.joined import is_joined_name, rows_domain
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.sql import Parameters, RowFilter, some_part_sql, where_sql
from pc_worker.store.search.statistics import CollectionStatistics
from pc_worker.store.search.vector_form import MIN_RERANKED, PRECISION, RERANKED, Precision, VectorForm
from pc_worker.store.search.words.languages import MAX_LANGUAGES, MIN_SHARE, language_terms
from pc_worker.store.search.words.splitting import RULES

Method = Literal["hnsw", "ivfflat"]

NO_ROW = UUID(int=0)
#: pgvector's upper limit of hnsw.ef_search.
MAX_EF_SEARCH = 1_000
#: Seconds; a search's statements take milliseconds.
STATEMENT_S = 30.0
#: Factor of work_mem: with a factor of 1 (4 MB) a filtered scan ends before the 20,000 tuples that it may visit.
SCAN_MEMORY = 8

# A snapshot: no answer mixes two models or two states of a row. No parallel workers: searches are many and short. No
# memory of results: to look up a row's length there takes longer than BM25's arithmetic with it.
SNAPSHOT = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL enable_memoize = off; SET LOCAL statement_timeout = %(timeout_ms)s;
SELECT set_config('role', 'pcw_reader', true) FROM (SELECT to_regrole('pcw_reader') AS reader OFFSET 0) AS r
WHERE pg_has_role(reader, 'MEMBER') AND has_table_privilege(reader, 'rows', 'SELECT')
  AND (SELECT bool_and(has_schema_privilege(reader, name, 'USAGE')) FROM unnest(current_schemas(false)) AS s (name))
"""
PROFILE = """
SELECT m.model_id, m.name, m.revision, m.dimension, m.normalised, m.encodable, m.location, m.former_locations,
       s.documents, s.mean_length, s.k1, s.b, s.head = d.head AND s.sampled_rows IS NULL,
       coalesce(s.oldest_rules, 1),
       ARRAY(SELECT t.term FROM term_statistics t WHERE t.domain = d.domain AND t.term = ANY (%(languages)s::integer[])
             AND t.documents >= %(least_share)s * s.documents ORDER BY t.documents DESC LIMIT %(most_languages)s),
       s.refreshed_at, coalesce(s.documents / (2.0 * nullif(s.sampled_rows, 0)), 0)::float8,
       i.method, {precision}, i.dimensions, i.breadth, ceil(i.vectors / greatest(i.rows, 1)::float8)::integer
FROM domains d JOIN models m USING (model_id)
LEFT JOIN search_statistics s ON s.domain = d.domain
LEFT JOIN vector_indexes i ON i.domain = d.domain AND i.model_id = d.model_id
WHERE d.domain = %(domain)s
"""
PROFILE = PROFILE.replace("{precision}", PRECISION)
ACTIVE = """
SELECT DISTINCT m.model_id, m.name, m.revision, m.dimension, m.normalised, m.encodable, m.location, m.former_locations
FROM domains d JOIN models m USING (model_id) ORDER BY m.model_id
"""
ONLY = "JOIN unnest(%(only)s::uuid[]) AS kept (row_id) ON kept.row_id = e.row_id"
PAYLOAD = "JOIN rows r ON (r.domain, r.row_id) = (e.domain, e.row_id) AND {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorIndex:
    """An index to search with; ``breadth`` is ef_search of hnsw, probes of ivfflat."""

    method: Method
    form: VectorForm
    breadth: int
    passages_per_row: int

    def candidates(self, passages: int) -> int:
        """Return how many neighbours to read, so that these are compared by their full vectors."""
        if not self.form.coarse:
            return passages
        return max(RERANKED * passages, MIN_RERANKED, self.breadth if self.method == "hnsw" else 0)

    def settings(self, passages: int) -> str:
        """Return the statements that set this transaction to search for ``passages`` neighbours, filtered or not."""
        if self.method == "ivfflat":
            return f"SET LOCAL ivfflat.probes = {self.breadth}; SET LOCAL ivfflat.iterative_scan = relaxed_order"
        breadth = min(max(self.breadth, passages), MAX_EF_SEARCH)
        return (
            f"SET LOCAL hnsw.ef_search = {breadth}; SET LOCAL hnsw.iterative_scan = relaxed_order; "
            f"SET LOCAL hnsw.scan_mem_multiplier = {SCAN_MEMORY}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A domain as search uses it; ``collection`` is None until its statistics are counted.

    ``oldest_rules`` are the oldest rules by which the terms of a row were made when the statistics were counted.
    ``languages`` are those in Latin script, other than English, in which many rows were then, at ``counted_at``.
    """

    domain: str
    model: Model
    collection: CollectionStatistics | None
    index: VectorIndex | None
    oldest_rules: int = 1
    languages: tuple[str, ...] = ()
    counted_at: datetime | None = None

    @property
    def joined(self) -> bool:
        """Whether joined passages are searched, not the rows themselves."""
        return is_joined_name(self.domain)

    @property
    def rows_domain(self) -> str:
        """The domain whose rows are hits."""
        return rows_domain(self.domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The rows to search: those of the domain that meet the filter, except the row ``without``.

    ``only`` are the ids of all rows that meet the filter, if these are few and were read.
    """

    profile: Profile
    filter: RowFilter | None = None
    without: UUID = NO_ROW
    only: Sequence[str] | None = None

    @property
    def parameters(self) -> Parameters:
        """The values that all statements share."""
        own: Parameters = {"domain": self.profile.domain, "rows_domain": self.profile.rows_domain}
        own |= {"model_id": self.profile.model.model_id, "without": str(self.without)}
        return own | where_sql(self.filter)[1] | {"facets": list(self.facets), "only": list(self.only or ())}

    @property
    def facets(self) -> Sequence[int]:
        """Facet terms that every such row has."""
        return () if self.filter is None or self.only is not None else self.filter.facets

    @property
    def one_vector_per_row(self) -> bool:
        """Whether the vector index has one vector of each row, so that a list has the similarity of the row."""
        index = self.profile.index
        return index is None or index.passages_per_row == 1

    @property
    def where(self) -> str:
        """The SQL condition that a row ``r`` meets the filter; a joined passage, that one of its rows does."""
        condition = where_sql(self.filter)[0]
        return some_part_sql(condition) if self.profile.joined and self.filter is not None else condition

    @property
    def candidate_filter(self) -> str:
        """The join of ``e`` with the rows' payloads; empty if the facets alone select the candidates.

        A facet is a hash, so hits are compared with the payload itself later; candidates need not be.
        """
        if self.only is not None:
            return ONLY
        return "" if self.filter is None or self.filter.complete else PAYLOAD.format(where=self.where)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Row ids, best first, with their scores: similarity or BM25."""

    ids: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @property
    def by_id(self) -> dict[str, float]:
        """The score of each row."""
        return dict(zip(self.ids, self.scores, strict=True))

    def first(self, length: int) -> Candidates:
        """Return the first ``length`` candidates."""
        return self if len(self.ids) <= length else Candidates(self.ids[:length], self.scores[:length])


def read_candidates(cursor: Cursor) -> Candidates:
    """Return the candidates that a statement selected as (row_id, score)."""
    rows = cursor.fetchall()
    return Candidates([row_id for row_id, _ in rows], [float(score) for _, score in rows])


def begin_search(cursor: Cursor, domain: str, *, timeout_s: float = STATEMENT_S) -> Profile | None:
    """Make this transaction a read-only snapshot, under the read-only role if the server has it.

    Each of its statements is limited to ``timeout_s``.

    Returns:
        The search profile of the domain; None if it has no log, so no rows.
    """
    # One round trip: on a busy machine each one waits for a processor.
    languages = language_terms(domain)
    values = {"languages": list(languages), "least_share": MIN_SHARE, "most_languages": MAX_LANGUAGES}
    values |= {"timeout_ms": max(1, round(timeout_s * 1000)), "domain": domain}
    cursor.execute(f"{SNAPSHOT};{PROFILE}", values)
    row = cursor.fetchone()
    if row is None:
        return None
    model, (documents, mean_length, k1, b, unchanged) = _model(row), row[8:13]
    # The head of joined passages does not move, and new rules change terms without it.
    current = bool(unchanged) and row[13] == RULES and not is_joined_name(domain)
    collection = None
    if documents is not None:
        collection = CollectionStatistics(documents, mean_length, k1, b, current=current, unseen=row[16])
    index = _index(model.dimension, *row[17:])
    return Profile(
        domain=domain,
        model=model,
        collection=collection,
        index=index,
        oldest_rules=row[13],
        languages=tuple(languages[term] for term in row[14]),
        counted_at=row[15],
    )


def active_models(cursor: Cursor) -> list[Model]:
    """Return the active models of all domains."""
    cursor.execute(ACTIVE)
    return [_model(row) for row in cursor.fetchall()]


def _model(row: Sequence[Any]) -> Model:
    names = ("model_id", "name", "revision", "dimension", "normalised", "encodable", "location", "former_locations")
    return Model(**dict(zip(names, row, strict=False)))


def _index(
    dimension: int,
    method: Method | None,
    precision: Precision,
    first: int | None,
    breadth: int,
    passages_per_row: int,
) -> VectorIndex | None:
    if method is None:
        return None
    form = VectorForm(dimension, precision, first)
    return VectorIndex(method=method, form=form, breadth=breadth, passages_per_row=passages_per_row)
