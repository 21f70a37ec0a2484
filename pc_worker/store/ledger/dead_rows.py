"""All refused rows in one list: dead letters, and stored rows that a batch server or a model's vectors do not suit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.letter_filter import GROUP_SQL, LetterFilter, filter_sql

#: `row`: a dead letter. `push`: a batch server did not accept it. `model`: too large with the vectors of a model,
#: or refused by it.
#: Rows of the last two kinds are stored; the job that wrote them may be unknown, and their number in the source is.
DeadKind = Literal["row", "push", "model"]
#: The place of a row in the list: time, kind, job, row number and identity.
Place = tuple[datetime, str, str, int, str]

# Nothing that orders the list is null, so that two places can be compared.
DEAD = """
SELECT 'row' AS kind, domain, job_id AS job, row_no, '' AS id, reason, created_at AS at, normal_form AS form
FROM dead_letters
UNION ALL
SELECT 'push', p.domain, coalesce(p.job_id, ''), -1, p.domain || ' ' || p.row_id || ' ' || p.address,
       'batch server ' || p.address || ': ' || p.reason, p.refused_at, r.payload::text
FROM push_refusals p JOIN rows r USING (domain, row_id)
UNION ALL
SELECT 'model', x.domain, coalesce(j.job_id, ''), -1, x.domain || ' ' || x.row_id || ' ' || x.model_id,
       'model ' || m.name || '@' || m.revision || ': row ' || x.row_id || CASE WHEN x.reason = '' THEN ' is '
       || to_char(x.wire_bytes, 'FM999,999,999,999') || ' bytes on the wire with its vectors: '
       || to_char(%(wire_limit)s, 'FM999,999,999,999') || ' is the most' ELSE ': ' || x.reason END,
       x.refused_at, r.payload::text
FROM model_refusals x JOIN models m USING (model_id) JOIN rows r USING (domain, row_id, content_hash)
LEFT JOIN jobs j ON j.seq = r.job_seq
"""
MATCHES = filter_sql(job="d.job", domain="d.domain", at="d.at", reason="d.reason")
PAGE = f"""
SELECT d.kind, d.domain, nullif(d.job, '') AS job_id, nullif(d.row_no, -1) AS number, d.reason, d.at, d.form,
       d.job, d.row_no, d.id
FROM ({DEAD}) AS d
WHERE {MATCHES} AND (%(at)s::timestamptz IS NULL OR (d.at, d.kind, d.job, d.row_no, d.id)
                     > (%(at)s::timestamptz, %(kind)s::text, %(after_job)s::text, %(row_no)s::bigint, %(id)s::text))
ORDER BY d.at, d.kind, d.job, d.row_no, d.id LIMIT %(most)s
"""
# One row may have megabytes: rows after the first ones of together this many bytes are left to the next page.
BOUNDED = f"""
SELECT kind, domain, job_id, number, reason, at, form, at, kind, job, row_no, id, rows FROM (
    SELECT page.*, count(*) OVER () AS rows,
           sum(coalesce(octet_length(form), 0)) OVER (ORDER BY at, kind, job, row_no, id)
           - coalesce(octet_length(form), 0) AS bytes_before
    FROM ({PAGE}) AS page) AS measured
WHERE bytes_before < %(most_bytes)s ORDER BY at, kind, job, row_no, id
"""
GROUPS = f"""
SELECT d.kind, d.domain, {GROUP_SQL.format(reason="d.reason")} AS alike, count(*), min(d.reason), max(d.at)
FROM ({DEAD}) AS d WHERE {MATCHES} GROUP BY d.kind, d.domain, alike
ORDER BY count(*) DESC, d.domain, alike LIMIT %(most)s
"""
COUNTS = f"SELECT d.kind, count(*) FROM ({DEAD}) AS d WHERE {MATCHES} GROUP BY d.kind"
#: Bytes of one page's rows; the last row may exceed them.
PAGE_BYTES = 8 * 1024 * 1024
NO_PLACE = {"at": None, "kind": None, "after_job": None, "row_no": None, "id": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRow:
    """A refused row; ``form`` is JSON text: its normal form, or its payload if it is stored."""

    kind: DeadKind
    domain: str
    job_id: str | None
    row_no: int | None
    reason: str
    created_at: datetime
    form: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadPage:
    """The next refused rows, and whether there are more after them."""

    rows: Sequence[DeadRow]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterGroup:
    """Rows with the same reason but for its values; ``group`` as a filter's reason matches them all."""

    kind: DeadKind
    domain: str
    group: str
    rows: int
    example: str
    newest: datetime


def read_dead_rows(
    cursor: Cursor, wanted: LetterFilter, *, wire_limit: int, after: Place | None, limit: int
) -> DeadPage:
    """Return the next refused rows after a place, oldest first.

    Args:
        cursor: The transaction.
        wanted: The conditions.
        wire_limit: The most bytes of a row on the wire, for the reasons.
        after: The place of the last row of the page before; None = from the start.
        limit: The most rows; fewer if they are large.
    """
    place = NO_PLACE if after is None else dict(zip(NO_PLACE, after, strict=True))
    cursor.execute(BOUNDED, _values(wanted, wire_limit, limit + 1) | place | {"most_bytes": PAGE_BYTES})
    names = ("kind", "domain", "job_id", "row_no", "reason", "created_at", "form")
    found = cursor.fetchall()
    rows = [DeadRow(**dict(zip(names, row, strict=False)), place=row[len(names) : -1]) for row in found[:limit]]
    return DeadPage(rows=rows, more=bool(found) and int(found[0][-1]) > len(rows))


def read_letter_groups(cursor: Cursor, wanted: LetterFilter, *, wire_limit: int, limit: int) -> list[LetterGroup]:
    """Return the refused rows grouped by their reasons without values, largest group first."""
    cursor.execute(GROUPS, _values(wanted, wire_limit, limit))
    names = ("kind", "domain", "group", "rows", "example", "newest")
    return [LetterGroup(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def count_dead_rows(cursor: Cursor, wanted: LetterFilter, *, wire_limit: int) -> dict[DeadKind, int]:
    """Return the number of refused rows by kind."""
    cursor.execute(COUNTS, _values(wanted, wire_limit, 0))
    found: dict[DeadKind, int] = {"row": 0, "push": 0, "model": 0}
    found.update(cursor.fetchall())
    return found


def _values(wanted: LetterFilter, wire_limit: int, limit: int) -> dict[str, Any]:
    return wanted.parameters | {"wire_limit": wire_limit, "most": limit}
