"""The part of a log that a consumer asked for: rows of its shard that meet its filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pc_worker.model.filter import Filter
from pc_worker.model.shard import WHOLE, Shard
from pc_worker.store.log.numbered_parameters import numbered
from pc_worker.store.search.filters.sql import Parameters, tree_sql

#: As ROWS of `read`, of one shard. A row that the filter excludes is read as a tombstone, so that a consumer deletes
#: what it may have stored; as nothing if this is its first entry, which no consumer has stored in an earlier version.
#: The filter is evaluated once for each entry, in their order, until there are enough: OFFSET 0 keeps the query so.
SUBSET_ROWS = """
SELECT position, passage, kind, row_id::text, wire, start_char, end_char, vector_send(vector), next IS NOT NULL,
       CASE WHEN nth = 1 THEN (
           SELECT m.name || '@' || m.revision FROM domains d JOIN models m USING (model_id) WHERE d.domain = $1) END,
       CASE WHEN nth = 1 THEN (SELECT epoch FROM domains WHERE domain = $1) END
FROM (
    SELECT l.position, l.row_id, l.kind, CASE WHEN l.kind = 0 THEN l.wire END AS wire,
           e.passage, e.start_char, e.end_char, e.vector,
           dense_rank() OVER place AS nth,
           lead(l.position) OVER place AS next,
           sum(coalesce(4 * e.dimension, 0) + 40
               + CASE WHEN coalesce(e.passage, 0) = 0
                      THEN coalesce(octet_length(CASE WHEN l.kind = 0 THEN l.wire END), 0) + 100 ELSE 0 END
           ) OVER place AS total
    FROM (
        SELECT l.position, l.row_id, l.first_position, l.kind AS logged, r.wire,
               CASE WHEN l.kind = 0 AND {where} THEN 0 ELSE 1 END AS kind
        FROM log l LEFT JOIN rows r ON r.domain = $1 AND r.row_id = l.row_id AND l.kind = 0
        WHERE l.domain = $1 AND l.position > $2 AND l.position <= $3
          AND (l.superseded_by IS NULL OR l.superseded_by > $4)
          AND (r.row_id IS NOT NULL OR l.kind = 1) AND {shard}
        ORDER BY l.position OFFSET 0
    ) AS l
    LEFT JOIN embeddings e ON e.domain = $1 AND e.row_id = l.row_id AND l.kind = 0
        AND e.model_id = (SELECT model_id FROM domains WHERE domain = $1)
    WHERE l.kind = 0 OR l.logged = 1 OR l.position > l.first_position OR l.position <= %(filter_from)s
    WINDOW place AS (ORDER BY l.position)
) placed
WHERE nth <= $5 AND (nth = 1 OR total <= $6)
"""
#: `model.shard` has the same rule.
SHARD_OF = "('x' || encode(substr(sha256(uuid_send({row}.row_id)), 1, 4), 'hex'))::bit(32)::bigint %% %(count)s::bigint"
SHARD = SHARD_OF.format(row="l") + " = %(index)s::bigint"
#: The first position of $2 at which the log has no row for a consumer: a deletion, or a row of another part.
NOT_A_ROW = """
SELECT min(l.position) FROM log l LEFT JOIN rows r ON r.domain = l.domain AND r.row_id = l.row_id AND l.kind = 0
WHERE l.domain = $1 AND l.position = ANY ($2::bigint[])
  AND (l.kind = 1 OR NOT ({shard}) OR (l.superseded_by IS NULL AND NOT ({where})))
"""


@dataclass(frozen=True, slots=True)
class SubsetQuery:
    """The statements about a part of a log.

    Attributes:
        sql: Reads it.
        parameters: Those of `sql` after the first six.
        not_a_row: Finds a position that is not of one of its rows, as `NOT_A_ROW`.
        not_a_row_parameters: Those of `not_a_row` after the first two.
    """

    sql: str
    parameters: Sequence[object]
    not_a_row: str
    not_a_row_parameters: Sequence[object]

    def statement(self, *, plain: bool) -> str:
        """Return the statement; ``plain``: the database shows the bytes of a vector as they are sent."""
        return self.sql.replace("vector_send(vector)", "substring(vector::bytea FROM 5)") if plain else self.sql


def subset_query(
    shard: Shard, tree: Filter | None, paths: Mapping[str, Sequence[str]], *, filter_from: int
) -> SubsetQuery | None:
    """Return how to read one shard's rows of a filter; None if it is the whole log.

    Args:
        shard: Which rows.
        tree: The filter; None = all.
        paths: The jsonpaths of each field of the filter.
        filter_from: Up to this position, consumers may have rows that the filter excludes.
    """
    if shard == WHOLE and tree is None:
        return None
    values: Parameters = {"filter_from": filter_from, "count": shard.count, "index": shard.index}
    where = "true" if tree is None else tree_sql(tree, paths, values)
    one_shard = "true" if shard == WHOLE else SHARD
    read = numbered(SUBSET_ROWS.format(where=where, shard=one_shard), values, first=7)
    return SubsetQuery(*read, *numbered(NOT_A_ROW.format(where=where, shard=one_shard), values, first=3))
