"""Retry or drop all dead letters that match, in steps of bounded time, and report the progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial
from typing import Literal

from pydantic import BaseModel, Field

from pc_worker.http.requests.context import AppContext
from pc_worker.services.dead_letters.dead_list import count_dead, drop_pushes, drop_some, retry_pushes
from pc_worker.services.dead_letters.retry import Retried, letters_page, retry_letters
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger.dead_letters import BATCH, BEFORE_ALL, StoredLetter
from pc_worker.store.ledger.letter_filter import LetterFilter

#: Letters that are retried in one step; each has its own transaction.
STEP = 10
#: Seconds that the batch servers may take to answer for all rejected rows.
PUSH_S = 600.0


class LetterProgress(BaseModel):
    """How far an operation is: the rows that matched at its start, those done, and their outcomes."""

    operation: Literal["retry", "drop"]
    state: Literal["running", "done"] = "running"
    matched: int
    done: int = 0
    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    dead: int = Field(default=0, description="Still dead, with a new reason.")
    dropped: int = 0


async def retry_all(context: AppContext, wanted: LetterFilter) -> AsyncGenerator[LetterProgress, None]:
    """Yield the progress of a retry, at last with the state ``done``.

    Raises:
        Unavailable: If a batch server does not answer; the dead letters have been retried then.
    """
    progress = LetterProgress(operation="retry", matched=await _matched(context, wanted))
    yield progress
    after = BEFORE_ALL
    while page := await context.services.run(partial(letters_page, wanted=wanted, after=after, limit=STEP)):
        progress = _counted(progress, await context.services.run(partial(_retried, letters=page)))
        yield progress
        after = page[-1].letter_id
    servers = context.settings.batch_servers
    pushed = await context.services.run(
        lambda services: list(retry_pushes(services, wanted, servers=servers)), within_s=PUSH_S
    )
    yield _counted(progress, pushed).model_copy(update={"state": "done"})


async def drop_all(context: AppContext, wanted: LetterFilter) -> AsyncGenerator[LetterProgress, None]:
    """Yield the progress of dropping, at last with the state ``done``."""
    progress = LetterProgress(operation="drop", matched=await _matched(context, wanted))
    yield progress
    while page := await context.services.run(partial(letters_page, wanted=wanted, limit=BATCH)):
        progress = _dropped(progress, await context.services.run(partial(drop_some, letters=page)))
        yield progress
    dropped = await context.services.run(partial(drop_pushes, wanted=wanted))
    yield _dropped(progress, dropped).model_copy(update={"state": "done"})


async def _matched(context: AppContext, wanted: LetterFilter) -> int:
    counts = await context.services.run(lambda services: count_dead(services, wanted))
    return counts["row"] + counts["push"]


def _retried(services: Services, letters: list[StoredLetter]) -> list[Retried]:
    return list(retry_letters(services, letters))


def _counted(progress: LetterProgress, results: list[Retried]) -> LetterProgress:
    outcomes = Counter(str(result.outcome) for result in results)
    counted = {name: getattr(progress, name) + outcomes[name] for name in ("written", "unchanged", "skipped", "dead")}
    return progress.model_copy(update=counted | {"done": progress.done + len(results)})


def _dropped(progress: LetterProgress, dropped: int) -> LetterProgress:
    return progress.model_copy(update={"done": progress.done + dropped, "dropped": progress.dropped + dropped})
