"""Collection statistics of search: a domain's rows, their length, the rows that have a term, how often they repeat it.

They are counted after loads and read by every search. Writers of rows never change them and never wait for them. A term
that is newer than the last count has the weight of a term that no row contains. Of a domain with more than
`COUNTED_ROWS` rows they are estimated from a sample of as many, so that a count takes no longer as the domain grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, prod
from typing import NamedTuple

from pc_worker.model.joined import is_joined_name, joined_name
from pc_worker.store.db.advisory_locks import lock_key
from pc_worker.store.db.connection import Cursor, Database, array_literal
from pc_worker.store.db.leaves import LEAVES
from pc_worker.store.search.log_sample import sample_rows
from pc_worker.store.search.words.splitting import RULES

#: Facets of more rows are counted like other terms: a filter by such a facet leaves many rows.
COMMON_FACET = 1_000
#: Rows that represent the domain until its statistics are counted for the first time.
SAMPLE_ROWS = 5_000
#: Rows, the first ones by id, in which repetitions of words are counted: their counts are slow to read.
RECURRENCE_ROWS = 20_000
#: Recurrence is counted as if 4 more rows had the word, as often as rows have words: few rows prove little.
FURTHER_ROWS = 4
#: Of larger domains, a sample of as many rows is counted: half a minute of one processor with texts of 24 words.
COUNTED_ROWS = 300_000
#: Larger domains are counted again when this share of their rows has changed, also at the end of a job.
LARGE_DRIFT = 0.02

LOCK_KEY = lock_key("'search statistics:' || %s")
TRY_LOCK = f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})"
DRIFT = """
SELECT d.head - coalesce(s.head, 0), coalesce(s.documents, 0), s.recurrence_counted IS NOT TRUE
FROM domains d LEFT JOIN search_statistics s USING (domain) WHERE domain = %s
"""
# By the primary key, so that at most this many entries are read.
IS_LARGE = """
SELECT count(*) > %(most)s FROM (
    SELECT FROM row_terms WHERE domain = %(domain)s ORDER BY row_id LIMIT %(most)s + 1) AS first_ones
"""
ALL_ROWS = "(SELECT * FROM row_terms WHERE domain = %(domain)s)"
# `LIMIT`: each row is looked up by its id; the planner cannot read the whole table instead.
SAMPLED_ROWS = """(
    SELECT t.* FROM sampled_rows AS s CROSS JOIN LATERAL (
        SELECT * FROM row_terms WHERE domain = %(domain)s AND row_id = s.row_id LIMIT 1) AS t)
"""
# A sparsevec as text is `{term:count,…}/dimension`. Rounded, so that a small load changes few words.
COUNT = """
WITH repeated AS MATERIALIZED (
    SELECT split_part(entry, ':', 1)::integer AS term, count(*) AS documents,
           sum(split_part(entry, ':', 2)::float8) AS occurrences
    FROM (SELECT counts FROM row_terms WHERE domain = %(domain)s ORDER BY row_id LIMIT %(repeated_rows)s) AS r,
         string_to_table(split_part(ltrim(r.counts::text, '{{'), '}}', 1), ',') AS entry
    WHERE entry <> '' GROUP BY 1
), usual AS (
    SELECT sum(occurrences) / sum(documents) AS mean FROM repeated
), counted AS MATERIALIZED (
    SELECT term, (count(*) * %(scale)s::float8)::integer AS documents FROM {rows} AS r, unnest(terms) AS term
    GROUP BY term HAVING term > 0 OR count(*) * %(scale)s::float8 > %(common)s
), gone AS (
    DELETE FROM term_statistics s
    WHERE domain = %(domain)s AND NOT EXISTS (SELECT FROM counted WHERE counted.term = s.term)
), changed AS (
    INSERT INTO term_statistics AS s (domain, term, documents, recurrence)
    SELECT %(domain)s, term, c.documents, coalesce(
        round((r.occurrences + %(further)s * mean) / ((r.documents + %(further)s) * mean) * 100) / 100, 1)
    FROM counted c LEFT JOIN repeated r USING (term) CROSS JOIN usual
    ON CONFLICT (domain, term) DO UPDATE SET documents = excluded.documents, recurrence = excluded.recurrence
    WHERE (s.documents, s.recurrence) <> (excluded.documents, excluded.recurrence)
)
INSERT INTO search_statistics AS s (
    domain, documents, mean_length, head, oldest_rules, recurrence_counted, sampled_rows)
SELECT %(domain)s, (count(*) * %(scale)s::float8)::bigint, coalesce(avg(length), 0),
       (SELECT head FROM domains WHERE domain = %(domain)s), coalesce(min(rules), %(rules)s), true,
       CASE WHEN %(sampled)s THEN count(*) END
FROM {rows} AS r
ON CONFLICT (domain) DO UPDATE SET
    documents = excluded.documents, mean_length = excluded.mean_length, head = excluded.head,
    oldest_rules = CASE WHEN %(all_rules)s THEN excluded.oldest_rules
                        ELSE least(s.oldest_rules, excluded.oldest_rules) END,
    recurrence_counted = true, sampled_rows = excluded.sampled_rows, refreshed_at = now()
"""
# Every search reads the index's pending list: merge it into the index now, not at the next vacuum.
FLUSH = f"""
SELECT gin_clean_pending_list(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'gin' AND i.indisvalid AND i.indrelid IN ({LEAVES.format(table="'row_terms'")})
"""
SAMPLE = """
WITH sample AS MATERIALIZED (SELECT terms, length FROM row_terms WHERE domain = %(domain)s LIMIT %(rows)s)
SELECT (SELECT count(*) FROM sample), (SELECT coalesce(avg(length), 0) FROM sample),
       (SELECT array_agg((SELECT count(*) FROM sample WHERE terms @> ARRAY[term]) ORDER BY term)
        FROM unnest(%(terms)s::integer[]) AS term)
"""
KNOWN = "SELECT term, documents, recurrence FROM term_statistics WHERE domain = %s AND term = ANY (%s::integer[])"

#: The parameters of `COUNT` that are alike for each domain.
COUNTED = {"common": COMMON_FACET, "rules": RULES, "repeated_rows": RECURRENCE_ROWS, "further": FURTHER_ROWS}


class TermStatistics(NamedTuple):
    """In how many rows a term occurs, and how often in these, compared with the mean of all words."""

    documents: int = 0
    recurrence: float = 1.0


#: Of a term that is not counted.
UNKNOWN = TermStatistics()


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """A domain's statistics: rows, mean number of terms per row, and BM25's parameters.

    ``current`` is whether no row changed since all were counted: a term that is not counted is in no row. ``unseen`` is
    in how many rows such a term is taken to be: half of those that a row of the sample stands for.
    """

    documents: int
    mean_length: float
    k1: float
    b: float
    current: bool = False
    unseen: float = 0.0

    def idf(self, documents: int) -> float:
        """Return the weight of a term in ``documents`` rows: Lucene's formula, never negative."""
        found = max(documents, self.unseen)
        total = max(self.documents, found)
        return log(1 + (total - found + 0.5) / (found + 0.5))

    def norm(self, length: int) -> float:
        """Return what the length of a row, in terms, does to the counts of its terms."""
        return self.k1 * (1 - self.b + self.b * max(length, 1) / (self.mean_length or 1))

    def bm25(self, count: float, norm: float) -> float:
        """Return the part of a term's score that depends on the row: its count in a row of this norm."""
        return count * (self.k1 + 1) / (count + norm)


def refresh_statistics(
    database: Database, domain: str, *, drift: float = 0.0, always: bool = False, all_rules: bool = False
) -> bool:
    """Count the domain's rows and terms again; return False if too little changed or another process counts.

    Args:
        database: The database of the domain.
        domain: A domain that has a log.
        drift: Share of the rows that must have changed; 0 = any change, but `LARGE_DRIFT` of a large domain.
        always: Count even if no row changed: their terms may have.
        all_rules: No row has terms by older rules any more. A sample does not show that.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """

    def work(cursor: Cursor) -> bool:
        cursor.execute(TRY_LOCK, (domain,))
        if cursor.fetchone() != (True,) or not _is_due(cursor, domain, drift, always=always):
            return False
        _count(cursor, domain, all_rules=all_rules)
        cursor.execute(FLUSH)
        return True

    if not database.repeat(work):
        return False
    if not is_joined_name(domain):  # its joined passages, if any, have changed with its rows
        refresh_statistics(database, joined_name(domain), always=True)
    return True


def _is_due(cursor: Cursor, domain: str, drift: float, *, always: bool) -> bool:
    """Return whether enough rows have changed, if not ``always``; False for a domain without a log."""
    cursor.execute(DRIFT, (domain,))
    found = cursor.fetchone()
    if found is None:
        return False
    changed, documents, never = found
    share = max(drift, LARGE_DRIFT) if documents > COUNTED_ROWS else drift
    return bool(always or never or changed > share * documents)


def _count(cursor: Cursor, domain: str, *, all_rules: bool) -> None:
    """Count all rows, or a sample of a large domain."""
    cursor.execute(IS_LARGE, {"domain": domain, "most": COUNTED_ROWS})
    large = cursor.fetchone() == (True,)
    scale = sample_rows(cursor, domain, rows=COUNTED_ROWS) if large else 0.0
    sampled = scale > 0  # rows that are in no log cannot be drawn
    cursor.execute("SET LOCAL work_mem = '64MB'")  # one hash table of all terms
    values = {"domain": domain, "scale": scale or 1.0, "sampled": sampled, "all_rules": all_rules or not sampled}
    cursor.execute(COUNT.format(rows=SAMPLED_ROWS if sampled else ALL_ROWS), COUNTED | values)


def estimate_filtered_rows(facets: int, facet_rows: Sequence[int], collection: CollectionStatistics) -> float:
    """Estimate how many rows have all of some facets, as if these were independent; if in doubt, too many.

    Args:
        facets: The number of facets.
        facet_rows: The rows of those that are counted; each other facet has few rows.
        collection: The statistics of the domain.
    """
    counts = (*facet_rows, *[COMMON_FACET] * (facets - len(facet_rows)))
    return float(collection.documents * prod(count / max(collection.documents, 1) for count in counts))


def term_frequencies(
    cursor: Cursor, domain: str, terms: Sequence[int], collection: CollectionStatistics | None
) -> tuple[CollectionStatistics, Mapping[int, TermStatistics]]:
    """Return the statistics, and those of each of ``terms`` that is counted; from a sample before the first count."""
    if collection is not None and collection.documents:
        cursor.execute(KNOWN, (domain, array_literal(terms)))
        return collection, {term: TermStatistics(*counted) for term, *counted in cursor.fetchall()}
    cursor.execute(SAMPLE, {"domain": domain, "rows": SAMPLE_ROWS, "terms": list(terms)})
    documents, mean_length, counts = cursor.fetchone() or (0, 0, None)
    k1, b = (1.2, 0.75) if collection is None else (collection.k1, collection.b)
    found = {term: TermStatistics(count) for term, count in zip(sorted(terms), counts or (), strict=False)}
    return CollectionStatistics(documents, float(mean_length), k1, b), found
