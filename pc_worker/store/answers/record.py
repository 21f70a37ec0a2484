"""The table of answers: begin within the budget, end, find again, rate, erase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg2.extras import Json

from pc_worker.store.db.connection import Cursor

AnswerState = Literal["running", "answered", "refused", "failed"]

#: One answer at a time is counted against the budget; released at the commit.
LOCK_BUDGET = "SELECT pg_advisory_xact_lock(hashtext('pcw_answers_budget'))"
SPENT = """
SELECT coalesce(sum(spent), 0), coalesce(sum(spent) FILTER (WHERE token = %(token)s), 0)
FROM (SELECT token, CASE state WHEN 'running' THEN reserved_usd ELSE coalesce(cost_usd, 0) END AS spent
      FROM answers WHERE created_at >= date_trunc('day', now(), 'UTC') AND NOT cached) AS today
"""
BEGIN = """
INSERT INTO answers (answer_id, token, domain, state, cache_key, question, request, prompt, reserved_usd)
VALUES (%(answer_id)s, %(token)s, %(domain)s, 'running', %(cache_key)s, %(question)s, %(request)s, %(prompt)s,
        %(reserved_usd)s)
"""
END = """
UPDATE answers SET ended_at = now(), state = %(state)s, model = %(model)s, attempts = %(attempts)s,
       input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s, cost_usd = %(cost_usd)s, reserved_usd = 0,
       took_ms = %(took_ms)s, error = %(error)s, document = %(document)s, row_ids = %(row_ids)s::uuid[],
       cached = %(cached)s, question = coalesce(%(question)s, question),
       cache_key = CASE WHEN %(reusable)s THEN cache_key ELSE '' END
WHERE answer_id = %(answer_id)s AND (%(state)s <> 'failed' OR state = 'running')
"""
#: Lock the rows that an answer cites until the commit, and count them. `forget` waits for it, then erases the answer's
#: text; rows that were forgotten while the answer was written are missing.
LOCK_CITED = """
SELECT count(*) FROM (
    SELECT FROM rows WHERE domain = (SELECT domain FROM answers WHERE answer_id = %(answer_id)s)
      AND row_id = ANY (%(row_ids)s::uuid[]) ORDER BY row_id FOR KEY SHARE) AS cited
"""
HEAD = "SELECT head, epoch FROM domains WHERE domain = %s"
HAS_ROWS = "SELECT EXISTS (SELECT FROM rows WHERE domain = %s)"
#: What is refused without a model costs nothing to make again.
CACHED = """
SELECT document FROM answers
WHERE cache_key = %s AND document IS NOT NULL AND NOT cached
  AND (state = 'answered' OR (state = 'refused' AND model IS NOT NULL))
  AND created_at > now() - make_interval(secs => %s)
ORDER BY created_at DESC LIMIT 1
"""
SHOWN = """answer_id, created_at, ended_at, domain, state, cached, question, prompt, model, input_tokens, output_tokens,
       cost_usd, took_ms, error, rating, comment"""
LOG = f"""
SELECT {SHOWN} FROM answers
WHERE (%(domain)s::text IS NULL OR domain = %(domain)s) AND (%(domains)s::text[] IS NULL OR domain = ANY (%(domains)s))
ORDER BY created_at DESC, answer_id DESC LIMIT %(limit)s
"""
SHOW = f"SELECT {SHOWN}, request, attempts, document, token FROM answers WHERE answer_id = %s"
RATE = "UPDATE answers SET rating = %s, comment = %s WHERE answer_id = %s"
ERASE_OLD = """
UPDATE answers SET question = NULL, request = NULL, document = NULL, comment = NULL, row_ids = '{}'
WHERE created_at <= now() - make_interval(secs => %s) AND (question IS NOT NULL OR document IS NOT NULL)
"""
DELETE_OLD = "DELETE FROM answers WHERE created_at < now() - make_interval(secs => %s)"
#: Longer than any answer may take.
LONGEST_S = 3_600.0
END_ABANDONED = """
UPDATE answers SET ended_at = now(), state = 'failed', cost_usd = reserved_usd, reserved_usd = 0,
       error = 'the process that wrote it ended; its cost is what was reserved for it'
WHERE state = 'running' AND created_at < now() - make_interval(secs => %s)
"""
ERASE_OF_ROWS = """
UPDATE answers SET document = NULL, row_ids = '{}'
WHERE domain = %s AND row_ids && %s::uuid[] AND document IS NOT NULL
"""
USAGE = """
SELECT (created_at AT TIME ZONE 'UTC')::date::text AS day, domain, token, coalesce(model, '') AS model,
       count(*), count(*) FILTER (WHERE cached), count(*) FILTER (WHERE state = 'refused'),
       count(*) FILTER (WHERE state = 'failed'), sum(input_tokens), sum(output_tokens), coalesce(sum(cost_usd), 0),
       count(*) FILTER (WHERE cost_usd IS NULL AND state <> 'running')
FROM answers
WHERE created_at >= date_trunc('day', now(), 'UTC') - make_interval(days => %(days)s - 1)
  AND (%(domains)s::text[] IS NULL OR domain = ANY (%(domains)s)) AND (%(token)s::text IS NULL OR token = %(token)s)
GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 2, 3, 4
"""
USAGE_NAMES = (
    "day", "domain", "token", "model", "answers", "cached", "refused", "failed", "input_tokens", "output_tokens",
    "cost_usd", "unpriced",
)  # fmt: skip
ANSWER_NAMES = tuple(name.strip() for name in SHOWN.split(","))
#: The budget that is spent: that of the day, or that of the token.
Overrun = Literal["day", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """An answer that begins; ``reserved_usd`` = what it may cost at most."""

    answer_id: UUID
    token: str
    domain: str
    cache_key: bytes
    question: str
    request: Mapping[str, Any]
    prompt: str
    reserved_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAnswer:
    """An answer that has ended, with what is kept of it; ``reusable`` = an equal question may get it again."""

    answer_id: UUID
    state: AnswerState
    model: str | None = None
    attempts: Sequence[Mapping[str, Any]] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    took_ms: float = 0.0
    error: str | None = None
    document: Mapping[str, Any] | None = None
    row_ids: Sequence[str] = ()
    cached: bool = False
    question: str | None = None
    reusable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Maximum USD a day (UTC): of all answers, and of one token's."""

    day_usd: float | None = None
    token_usd: float | None = None


def begin_answer(cursor: Cursor, answer: NewAnswer, budget: Budget) -> Overrun | None:
    """Record an answer that begins; return which budget it would overrun instead, if it would."""
    if budget.day_usd is not None or budget.token_usd is not None:
        cursor.execute(LOCK_BUDGET)
        cursor.execute(SPENT, {"token": answer.token})
        day, own = cursor.fetchone() or (0.0, 0.0)
        if _overrun(day, answer.reserved_usd, budget.day_usd):
            return "day"
        if _overrun(own, answer.reserved_usd, budget.token_usd):
            return "token"
    values = {name: getattr(answer, name) for name in NewAnswer.__slots__}
    values |= {"answer_id": str(answer.answer_id), "request": Json(answer.request)}
    cursor.execute(BEGIN, values)
    return None


def _overrun(spent: float, reserved: float, budget: float | None) -> bool:
    # Only one answer at a time can take the sum above the budget, by less than its own cost.
    return budget is not None and reserved > 0 and spent >= budget


def end_answer(cursor: Cursor, answer: EndedAnswer) -> bool:
    """Record how an answer ended, without its text if a row that it cites was forgotten in the meantime.

    Return False if nothing changed: an answer that is recorded has not failed, even if its caller has gone meanwhile.
    """
    values = {name: getattr(answer, name) for name in EndedAnswer.__slots__}
    values |= {"answer_id": str(answer.answer_id), "attempts": Json(list(answer.attempts))}
    values |= {"document": None if answer.document is None else Json(answer.document), "row_ids": list(answer.row_ids)}
    if answer.document is not None and answer.row_ids:
        cursor.execute(LOCK_CITED, values)
        if cursor.fetchone() != (len(set(answer.row_ids)),):
            values |= {"document": None, "row_ids": []}
    cursor.execute(END, values)
    return bool(cursor.rowcount)


def log_state(cursor: Cursor, domain: str) -> tuple[int, str]:
    """Return the domain's head and epoch; (0, "") if it has no log."""
    cursor.execute(HEAD, (domain,))
    head, epoch = cursor.fetchone() or (0, "")
    return int(head), str(epoch)


def has_rows(cursor: Cursor, domain: str) -> bool:
    """Return whether the domain has rows."""
    cursor.execute(HAS_ROWS, (domain,))
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def cached_answer(cursor: Cursor, cache_key: bytes, *, within_s: float) -> dict[str, Any] | None:
    """Return the document of the same answer, if it was written before and is not too old."""
    cursor.execute(CACHED, (cache_key, within_s))
    row = cursor.fetchone()
    return None if row is None else dict(row[0])


def answer_log(
    cursor: Cursor, *, domain: str | None = None, domains: Sequence[str] | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Return the newest answers, of one domain or of some."""
    cursor.execute(LOG, {"domain": domain, "domains": None if domains is None else list(domains), "limit": limit})
    return [_shown(dict(zip(ANSWER_NAMES, row, strict=True))) for row in cursor.fetchall()]


def find_answer(cursor: Cursor, answer_id: UUID) -> dict[str, Any] | None:
    """Return all that is kept of an answer, None if there is none."""
    cursor.execute(SHOW, (str(answer_id),))
    row = cursor.fetchone()
    names = (*ANSWER_NAMES, "request", "attempts", "document", "token")
    return None if row is None else _shown(dict(zip(names, row, strict=True)))


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    times = {name: value.isoformat() for name, value in answer.items() if isinstance(value, datetime)}
    return answer | times | {"answer_id": str(answer["answer_id"])}


def rate_answer(cursor: Cursor, answer_id: UUID, *, rating: int, comment: str | None) -> None:
    """Keep a rating: -1, 0 or 1, and a comment."""
    cursor.execute(RATE, (rating, comment, str(answer_id)))


def purge_answers(cursor: Cursor, *, text_s: float, record_s: float) -> int:
    """Erase the text of answers older than ``text_s``, and records older than ``record_s``; return how many.

    Answers whose process was killed end as failed; they may have cost what was reserved for them.
    """
    cursor.execute(END_ABANDONED, (LONGEST_S,))
    cursor.execute(ERASE_OLD, (text_s,))
    erased = cursor.rowcount
    cursor.execute(DELETE_OLD, (record_s,))
    return erased


def erase_answers_of_rows(cursor: Cursor, domain: str, row_ids: Sequence[UUID]) -> None:
    """Erase the text of all answers that cite one of these rows."""
    cursor.execute(ERASE_OF_ROWS, (domain, [str(row_id) for row_id in row_ids]))


def usage_by_day(
    cursor: Cursor, *, days: int, domains: Sequence[str] | None = None, token: str | None = None
) -> list[dict[str, Any]]:
    """Return the usage of the last days (UTC) by domain, token and model."""
    cursor.execute(USAGE, {"days": days, "domains": None if domains is None else list(domains), "token": token})
    rows = [dict(zip(USAGE_NAMES, row, strict=True)) for row in cursor.fetchall()]
    whole = ("input_tokens", "output_tokens")
    return [row | {name: int(row[name] or 0) for name in whole} for row in rows]
