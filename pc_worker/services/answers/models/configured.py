"""The configured models: in which order they are asked, what each attempt came to, and the clients of a process."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from pc_worker.errors import InvalidRequest, NoLlm
from pc_worker.llm import Breaker, LlmFailure, PriceTable, Usage
from pc_worker.metrics import answers as metrics
from pc_worker.model.language_model import LanguageModel, LlmProvider

#: Modules of the extra ``llm``.
EXTRA = ("pydantic_ai", "openai", "anthropic")
#: Seconds to wait for a server that limits the rate and does not say for how long.
USUAL_WAIT_S = 1.0
#: Conversations before the search, without which an answer can still be given.
SIDE_PURPOSES = frozenset(("rewrite", "expand"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One conversation with one model: ``ok``, or the reason why it failed."""

    model: str
    purpose: str
    outcome: str
    detail: str = ""
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the attempt as it is recorded."""
        return {
            "model": self.model,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "estimated": self.usage.estimated,
            "cost_usd": self.cost_usd,
        }


@dataclass(slots=True)
class Attempts:
    """All conversations of one answer."""

    made: list[Attempt] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """The tokens of all of them."""
        return sum((one.usage for one in self.made), Usage())

    @property
    def cost_usd(self) -> float | None:
        """What they cost together; None if the price of one is unknown."""
        costs = [one.cost_usd for one in self.made]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def as_asked(self) -> bool:
        """Whether the question was rewritten and expanded as requested; else it was searched for unchanged."""
        wanted = {one.purpose for one in self.made} & SIDE_PURPOSES
        return wanted == {one.purpose for one in self.made if one.outcome == "ok"} & SIDE_PURPOSES

    def reasons(self) -> str:
        """Return why the models failed, for a message."""
        failed = [f"{one.model}: {one.outcome} ({one.detail})" for one in self.made if one.outcome != "ok"]
        return "; ".join(dict.fromkeys(failed)) or "none was asked"


def load_libraries() -> float:
    """Import what asks models; return the seconds, which the first answer of a process need not pay with its time."""
    began = monotonic()
    from pc_worker.llm import ask, clients  # noqa: F401

    return monotonic() - began


class LlmModels:
    """The configured language models of a process.

    Args:
        models: In the order in which they are asked.
        keys: The providers' keys.
        prices: What tokens cost.
        timeout_s: Seconds of one answer.
        needs_price: A budget is set, so a model without a price cannot be asked.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        *,
        keys: Mapping[LlmProvider, str | None],
        prices: PriceTable,
        timeout_s: float,
        needs_price: bool = False,
    ) -> None:
        self._models, self._keys, self.prices = tuple(models), keys, prices
        self._timeout_s, self._needs_price = timeout_s, needs_price
        self.breaker = Breaker()
        self._clients: dict[LanguageModel, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def labels(self) -> list[str]:
        """The labels of all models, in order."""
        return list(dict.fromkeys(model.label for model in self._models))

    def candidates(self, name: str | None = None) -> tuple[LanguageModel, ...]:
        """Return the models to ask in order: all, or those of this name or label.

        Raises:
            NoLlm: If none is configured, or the extra is not installed.
            InvalidRequest: If none has this name.
        """
        if not self._models:
            raise NoLlm("no language model is configured: set PC_WORKER_LLM, such as openai:NAME@http://HOST/v1")
        if any(importlib.util.find_spec(module) is None for module in EXTRA):
            raise NoLlm("answers need the extra llm: pip install 'pc-worker[llm]'")
        found = tuple(model for model in self._models if name is None or name in (model.name, model.label))
        if not found:
            raise InvalidRequest(f"model {(name or '')[:80]!r} is not configured: there are {', '.join(self.labels)}")
        return found

    def client(self, model: LanguageModel) -> Any:
        """Return the client of a model for this event loop.

        Raises:
            LlmFailure: If it cannot be asked: its key or its price is not set.
        """
        if self._needs_price and self.prices.cost_usd(model, Usage(1, 1)) is None:
            raise LlmFailure(
                "price_unknown", f"a budget is set, but not the price of {model.label}: PC_WORKER_LLM_PRICES"
            )
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._clients = loop, {}
        if model not in self._clients:
            from pc_worker.llm.clients import make_model

            self._clients[model] = make_model(model, keys=self._keys, timeout_s=self._timeout_s)
        return self._clients[model]

    async def close(self) -> None:
        """Close the connections of this event loop's clients."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.client.close()

    def reserve_usd(self, models: Sequence[LanguageModel], usage: Usage) -> float:
        """Return what an answer of this usage costs at most with one of these models."""
        return max((self.prices.cost_usd(model, usage) or 0.0 for model in models), default=0.0)

    def attempted(
        self, model: LanguageModel, purpose: str, usage: Usage, seconds: float, failure: LlmFailure | None
    ) -> Attempt:
        """Return one conversation as an attempt, and count it: in metrics, and in the model's breaker."""
        if failure is None:
            self.breaker.succeeded(model)
        else:
            self.breaker.failed(model, failure, now=monotonic())
        outcome = "ok" if failure is None else failure.reason
        metrics.LLM_REQUESTS.labels(model=model.label, outcome=outcome).inc()
        metrics.LLM_SECONDS.labels(model=model.label).observe(seconds)
        metrics.LLM_TOKENS.labels(model=model.label, direction="input").inc(usage.input_tokens)
        metrics.LLM_TOKENS.labels(model=model.label, direction="output").inc(usage.output_tokens)
        return Attempt(
            model=model.label,
            purpose=purpose,
            outcome=outcome,
            detail="" if failure is None else failure.detail,
            seconds=seconds,
            usage=usage,
            cost_usd=self.prices.cost_usd(model, usage) if usage.input_tokens or usage.output_tokens else 0.0,
        )

    def warm(self) -> None:
        """Import the libraries and make the clients' types, so that no first question pays for it."""
        if self._models and all(importlib.util.find_spec(module) is not None for module in EXTRA):
            load_libraries()
            for model in self._models:
                self.prices.cost_usd(model, Usage(1, 1))
