"""Recorded answers: as they were given, found again, listed, rated, and turned into judged queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.model import read_uuid
from pc_worker.services.answers.request import Answer, Asker, Citation, Flag
from pc_worker.services.search.reply import JoinedRows
from pc_worker.store.answers import record
from pc_worker.store.db.connection import Database, is_storable

MAX_COMMENT_CHARS = 4_000
MAX_DAYS = 366
MAX_LISTED = 1_000


def answer_of_document(document: Mapping[str, Any]) -> Answer:
    """Return the answer of a document that ``Answer.to_dict`` returned."""
    usage = document["usage"]
    names = ("id", "question", "domain", "answer", "refused", "model", "prompt", "took_ms")
    return Answer(
        **{name: document[name] for name in names},
        **{name: usage[name] for name in ("input_tokens", "output_tokens", "cost_usd", "cached")},
        citations=tuple(map(_citation, document["citations"])),
        flags=tuple(Flag(**flag) for flag in document.get("flags", ())),
    )


def _citation(document: Mapping[str, Any]) -> Citation:
    passage = document["passage"]
    return Citation(
        **{name: document[name] for name in ("number", "id", "domain", "payload")},
        **{name: passage[name] for name in ("text", "start", "end")},
        joined=JoinedRows.from_dict(passage),
    )


def cached_document(document: Mapping[str, Any], answer_id: UUID, took_ms: float) -> dict[str, Any]:
    """Return the document of an answer that is given again: it costs nothing."""
    usage = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0, "cached": True}
    return {**document, "id": str(answer_id), "took_ms": took_ms, "usage": usage}


def list_answers(
    database: Database, *, domain: str | None = None, domains: Sequence[str] | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Return the newest answers, without their text's citations."""
    with database.transaction() as cursor:
        return record.answer_log(cursor, domain=domain, domains=domains, limit=min(limit, MAX_LISTED))


def show_answer(database: Database, answer_id: str, asker: Asker | None = None) -> dict[str, Any]:
    """Return all that is kept of an answer.

    Raises:
        InvalidRequest: If ``answer_id`` is not a UUID.
        NotFound: If there is no such answer, or it is of another token or domain.
    """
    found = read_uuid(answer_id)
    if found is None:
        raise InvalidRequest(f"{answer_id[:80]!r} is not the id of an answer")
    with database.transaction() as cursor:
        answer = record.find_answer(cursor, found)
    if answer is None or not _may_see(answer, asker):
        raise NotFound(f"there is no answer {found}: it never was, or its retention is over")
    del answer["token"]
    return answer


def _may_see(answer: Mapping[str, Any], asker: Asker | None) -> bool:
    if asker is None:
        return True
    return answer["token"] == asker.token and (asker.domains is None or answer["domain"] in asker.domains)


def rate(database: Database, answer_id: str, *, rating: int, comment: str | None, asker: Asker | None = None) -> None:
    """Keep what a reader thinks of an answer: 1 = helpful, -1 = not, 0 = neither.

    Raises:
        InvalidRequest: If a value is out of its limits.
        NotFound: If there is no such answer.
    """
    if rating not in (-1, 0, 1):
        raise InvalidRequest(f"the rating is {rating}: it must be -1, 0 or 1")
    if comment is not None and (len(comment) > MAX_COMMENT_CHARS or not is_storable(comment)):
        raise InvalidRequest(f"the comment is not a text of at most {MAX_COMMENT_CHARS:,} characters")
    show_answer(database, answer_id, asker)
    with database.transaction() as cursor:
        record.rate_answer(cursor, UUID(answer_id), rating=rating, comment=comment)


def usage(
    database: Database, *, days: int = 1, domains: Sequence[str] | None = None, token: str | None = None
) -> dict[str, Any]:
    """Return tokens and costs of the last days (UTC), in all and by domain, token and model.

    Raises:
        InvalidRequest: If ``days`` is out of its limits.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidRequest(f"days is {days}: it must be 1 to {MAX_DAYS}")
    with database.transaction() as cursor:
        rows = record.usage_by_day(cursor, days=days, domains=domains, token=token)
    names = ("answers", "cached", "refused", "failed", "input_tokens", "output_tokens", "cost_usd", "unpriced")
    total = {name: sum(row[name] for row in rows) for name in names}
    return {"days": days, "total": total, "items": [row | {"token": row["token"][:12]} for row in rows]}


def judged_query(database: Database, answer_id: str) -> dict[str, Any]:
    """Return an answer that was rated helpful as a judged query: its question, and the rows that it cites.

    Raises:
        InvalidRequest: If it was not rated helpful, or its text is not kept any more.
        NotFound: If there is no such answer.
    """
    answer = show_answer(database, answer_id)
    document = answer["document"]
    if document is None:
        raise InvalidRequest(f"the text of answer {answer_id} is not kept any more")
    if answer["rating"] != 1:
        raise InvalidRequest(f"answer {answer_id} was not rated helpful: only such an answer judges its rows")
    return {"query": document["question"], "relevant": {one["id"]: 1 for one in document["citations"]}}
