"""Collection statistics of search: a domain's rows, their length, the rows that have a term, how often they repeat it.

They are counted after loads and read by every search. Writers of rows never change them and never wait for them. A term
that is newer than the last count has the weight of a term that no row contains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, prod
from typing import NamedTuple

from pc_worker.model.joined import is_joined_name, joined_name
from pc_worker.store.db.connection import Cursor, Database, array_literal
from pc_worker.store.db.leaves import LEAVES
from pc_worker.store.search.words.splitting import RULES

#: Facets of more rows are counted like other terms: a filter by such a facet leaves many rows.
COMMON_FACET = 1_000
#: Rows that represent the domain until its statistics are counted for the first time.
SAMPLE_ROWS = 5_000
#: Rows, the first ones by id, in which repetitions of words are counted: their counts are slow to read.
RECURRENCE_ROWS = 20_000
#: Recurrence is counted as if 4 more rows had the word, as often as rows have words: few rows prove little.
FURTHER_ROWS = 4

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('search statistics:' || %s, 0))"
DRIFT = """
SELECT d.head - coalesce(s.head, 0), coalesce(s.documents, 0), s.recurrence_counted IS NOT TRUE
FROM domains d LEFT JOIN search_statistics s USING (domain) WHERE domain = %s
"""
# A sparsevec as text is `{term:count,…}/dimension`. Rounded, so that a small load changes few words.
COUNT = """
WITH repeated AS MATERIALIZED (
    SELECT split_part(entry, ':', 1)::integer AS term, count(*) AS documents,
           sum(split_part(entry, ':', 2)::float8) AS occurrences
    FROM (SELECT counts FROM row_terms WHERE domain = %(domain)s ORDER BY row_id LIMIT %(repeated_rows)s) AS r,
         string_to_table(split_part(ltrim(r.counts::text, '{'), '}', 1), ',') AS entry
    WHERE entry <> '' GROUP BY 1
), usual AS (
    SELECT sum(occurrences) / sum(documents) AS mean FROM repeated
), counted AS MATERIALIZED (
    SELECT term, count(*)::integer AS documents FROM row_terms, unnest(terms) AS term
    WHERE domain = %(domain)s GROUP BY term HAVING term > 0 OR count(*) > %(common)s
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
INSERT INTO search_statistics (domain, documents, mean_length, head, oldest_rules, recurrence_counted)
SELECT %(domain)s, count(*), coalesce(avg(length), 0), (SELECT head FROM domains WHERE domain = %(domain)s),
       coalesce(min(rules), %(rules)s), true
FROM row_terms WHERE domain = %(domain)s
ON CONFLICT (domain) DO UPDATE SET documents = excluded.documents, mean_length = excluded.mean_length,
                                   head = excluded.head, oldest_rules = excluded.oldest_rules,
                                   recurrence_counted = true, refreshed_at = now()
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

    ``current`` is whether no row changed since they were counted: a term that is not counted is in no row.
    """

    documents: int
    mean_length: float
    k1: float
    b: float
    current: bool = False

    def idf(self, documents: int) -> float:
        """Return the weight of a term in ``documents`` rows: Lucene's formula, never negative."""
        total = max(self.documents, documents)
        return log(1 + (total - documents + 0.5) / (documents + 0.5))

    def norm(self, length: int) -> float:
        """Return what the length of a row, in terms, does to the counts of its terms."""
        return self.k1 * (1 - self.b + self.b * max(length, 1) / (self.mean_length or 1))

    def bm25(self, count: float, norm: float) -> float:
        """Return the part of a term's score that depends on the row: its count in a row of this norm."""
        return count * (self.k1 + 1) / (count + norm)


def refresh_statistics(database: Database, domain: str, *, drift: float = 0.0, always: bool = False) -> bool:
    """Count the domain's rows and terms again; return False if too little changed or another process counts.

    Args:
        database: The database of the domain.
        domain: A domain that has a log.
        drift: Share of the rows that must have changed; 0 = any change.
        always: Count even if no row changed: their terms may have.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """

    def work(cursor: Cursor) -> bool:
        cursor.execute(TRY_LOCK, (domain,))
        if cursor.fetchone() != (True,):
            return False
        cursor.execute(DRIFT, (domain,))
        found = cursor.fetchone()
        if found is None:
            return False
        changed, documents, never = found
        if not (always or never or changed > drift * documents):
            return False
        cursor.execute("SET LOCAL work_mem = '64MB'")  # one hash table of all terms
        cursor.execute(COUNT, COUNTED | {"domain": domain})
        cursor.execute(FLUSH)
        return True

    if not database.repeat(work):
        return False
    if not is_joined_name(domain):  # its joined passages, if any, have changed with its rows
        refresh_statistics(database, joined_name(domain), always=True)
    return True


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
