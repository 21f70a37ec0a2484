"""Create the answer service of a process; a separate module, as most commands answer nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pc_worker.llm import PriceTable
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.models.configured import LlmModels
from pc_worker.services.answers.tools import RunWork
from pc_worker.services.answers.work import AnswerLimits
from pc_worker.services.dependencies import Services
from pc_worker.settings import Settings
from pc_worker.settings.secret_files import provider_key
from pc_worker.store.answers.record import Budget

T = TypeVar("T")


def llm_models(settings: Settings) -> LlmModels:
    """Return the configured language models.

    Raises:
        InvalidRequest: If a provider's key cannot be read.
    """
    used = {model.provider for model in settings.llm}
    return LlmModels(
        settings.llm,
        keys={provider: provider_key(f"{provider.upper()}_API_KEY") for provider in used},
        prices=PriceTable(settings.llm_prices),
        timeout_s=settings.llm_timeout_s,
        needs_price=settings.llm_budget_usd is not None or settings.llm_token_budget_usd is not None,
    )


def make_answers(settings: Settings, run: RunWork, *, search: RunWork | None = None) -> Answers:
    """Return the answer service; ``run`` records answers in threads, ``search`` (default: ``run``) searches.

    Raises:
        InvalidRequest: If a provider's key cannot be read.
    """
    limits = AnswerLimits(
        timeout_s=settings.llm_timeout_s,
        budget=Budget(day_usd=settings.llm_budget_usd, token_usd=settings.llm_token_budget_usd),
        context_tokens=settings.llm_context_tokens,
        tools=settings.llm_tools,
        retention_s=settings.answer_retention_s,
        expand=settings.llm_expand,
    )
    return Answers(llm_models(settings), run=run, search=search, limits=limits)


class OneThread:
    """Runs services in threads, one call at a time: a command has one connection."""

    def __init__(self, services: Services) -> None:
        self._services, self._gate = services, asyncio.Lock()

    def __call__(self, work: Callable[[Services], T], *, within_s: float | None = None) -> Awaitable[T]:
        """Return the result of ``work``."""
        return self._call(work)

    async def _call(self, work: Callable[[Services], T]) -> T:
        async with self._gate:
            return await asyncio.to_thread(work, self._services)
