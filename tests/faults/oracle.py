"""The oracle: reconciles source, ledger, rows, vectors, log and consumers, and says what is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.faults.consumer import Follower, Reading
from tests.faults.load import DOMAIN, Truth, vector_of

Query = Callable[..., list[tuple[Any, ...]]]

#: Hold at any instant, also in the middle of a fault; each counts what breaks it. %(d)s = the domain.
ALWAYS = {
    "positions missing from the log or beyond its head": (
        "SELECT abs(d.head - count(l.position)) + abs(d.head - coalesce(max(l.position), 0)) "
        "FROM domains d LEFT JOIN log l USING (domain) WHERE d.domain = %(d)s GROUP BY d.head"
    ),
    "log entries whose first or next position is wrong": (
        "SELECT count(*) FROM (SELECT superseded_by, first_position, lead(position) OVER w AS next, "
        "first_value(position) OVER w AS first FROM log WHERE domain = %(d)s "
        "WINDOW w AS (PARTITION BY row_id ORDER BY position)) e "
        "WHERE superseded_by IS DISTINCT FROM next OR first_position <> first"
    ),
    "batches that do not join without gaps": (
        "SELECT count(*) FROM (SELECT first_position, lag(last_position, 1, 0::bigint) OVER (ORDER BY first_position) "
        "AS before, last_position FROM log_batches WHERE domain = %(d)s) b "
        "WHERE first_position <> before + 1 OR last_position < first_position"
    ),
    "rows without a newest log entry, or the other way round": (
        "SELECT count(*) FROM (SELECT row_id FROM rows WHERE domain = %(d)s) r FULL JOIN (SELECT row_id FROM log "
        "WHERE domain = %(d)s AND superseded_by IS NULL AND kind = 0) l USING (row_id) "
        "WHERE r.row_id IS NULL OR l.row_id IS NULL"
    ),
    "rows without exactly one good vector and one entry of terms": (
        "SELECT count(*) FROM rows r JOIN domains d USING (domain) WHERE r.domain = %(d)s AND ("
        "(SELECT count(*) FROM embeddings e WHERE e.domain = r.domain AND e.row_id = r.row_id "
        "AND e.model_id = d.model_id AND e.dimension = 1536) <> 1 OR "
        "(SELECT count(*) FROM row_terms t WHERE t.domain = r.domain AND t.row_id = r.row_id) <> 1)"
    ),
    "jobs whose counters are not the sum of their done chunks": (
        "SELECT count(*) FROM jobs j WHERE (rows_written, rows_unchanged, rows_skipped, rows_dead, chunks_done) <> "
        "(SELECT coalesce(sum(written), 0), coalesce(sum(unchanged), 0), coalesce(sum(skipped), 0), "
        "coalesce(sum(dead), 0), count(*) FROM chunks c WHERE c.job_id = j.job_id AND c.state = 'done')"
    ),
    "jobs whose chunks do not cover their rows exactly": (
        "SELECT count(*) FROM jobs j WHERE plan IS NOT NULL AND EXISTS (SELECT 1 FROM (SELECT first_row, row_count, "
        "lead(first_row, 1, j.rows_total) OVER (ORDER BY first_row) AS next FROM chunks c WHERE c.job_id = j.job_id) x "
        "WHERE first_row + row_count <> next)"
    ),
}
#: Hold when every job has ended.
SETTLED = {
    "jobs whose rows are not all accounted for": (
        "SELECT count(*) FROM jobs WHERE state IN ('completed', 'partial') AND "
        "rows_total <> rows_written + rows_unchanged + rows_skipped + rows_dead"
    ),
    "dead rows without their letter": (
        "SELECT count(*) FROM jobs j WHERE state IN ('completed', 'partial') AND rows_dead <> "
        "(SELECT count(*) FROM dead_letters l WHERE l.job_id = j.job_id)"
    ),
    "chunks that are open in an ended job, or still leased": (
        "SELECT count(*) FROM chunks c JOIN jobs j USING (job_id) WHERE j.state IN ('completed', 'partial') "
        "AND (c.state <> 'done' OR c.lease_until IS NOT NULL)"
    ),
}


@dataclass(slots=True)
class Findings:
    """What is wrong: rows lost, rows doubled, and each in words."""

    lost: int = 0
    doubled: int = 0
    words: list[str] = field(default_factory=list)

    def add(self, what: str, *, lost: int = 0, doubled: int = 0) -> None:
        """Note a finding."""
        self.lost += lost
        self.doubled += doubled
        self.words.append(what)


def check_statements(query: Query, statements: dict[str, str], domain: str = DOMAIN) -> Findings:
    """Count what breaks the statements' promises."""
    findings = Findings()
    for what, statement in statements.items():
        found = query(statement, {"d": domain})
        if found and found[0][0]:
            findings.add(f"{found[0][0]} {what}", doubled=int(found[0][0]))
    return findings


def check_settled(query: Query, truth: Truth, reading: Reading, follower: Follower) -> Findings:
    """Compare the truth with the rows, a complete reading and the follower's store."""
    findings = check_statements(query, ALWAYS | SETTLED)
    rows = query("SELECT row_id::text, payload->>'position' FROM rows WHERE domain = %(d)s", {"d": DOMAIN})
    stores = {"the rows": dict(rows), "a reading from 0": reading.texts, "the follower": follower.texts}
    for place, found in stores.items():
        missing, unexpected = truth.missing(found), truth.unexpected(found)
        if missing:
            findings.add(f"{place}: {missing[0]} (and {len(missing) - 1} more)", lost=len(missing))
        if unexpected:
            findings.add(f"{place}: {len(unexpected)} rows that no source had", doubled=len(unexpected))
    if reading.doubled or reading.disordered:
        findings.add("rows came twice or out of order in one reading", doubled=len(reading.doubled) or 1)
    if follower.faults:
        findings.add(f"the follower: {follower.faults[0]}", doubled=len(follower.faults))
        follower.faults.clear()
    _check_vectors(truth, reading, findings)
    return findings


def _check_vectors(truth: Truth, reading: Reading, findings: Findings) -> None:
    for row_id, values in reading.vectors.items():
        number = truth.numbers.get(row_id)
        if number is None or number not in truth.generations or number in truth.maybe:
            continue
        if not np.array_equal(np.array(values, np.float32), vector_of(number, truth.generations[number])):
            findings.add(f"row {number} has another generation's vector", lost=1)


def caught_up(query: Query, follower: Follower, *, within_s: float = 60.0) -> bool:
    """Wait until the follower has the log's end; False if it never came."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        head = query("SELECT head FROM domains WHERE domain = %(d)s", {"d": DOMAIN})
        if head and follower.position >= head[0][0]:
            return True
        time.sleep(0.1)
    return False
