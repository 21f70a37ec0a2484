"""The settings of answers: language models, their limits, and how long answers are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from pc_worker.model.language_model import Expansion, LanguageModel, LlmPrice, read_language_models, read_prices
from pc_worker.settings.values import LONGEST_S


class LlmSettings(BaseSettings):
    """The fields of ``Settings`` that concern answers."""

    #: Language models that write answers, `PROVIDER:NAME[@BASE_URL]`, comma-separated, tried in this order. The
    #: provider is `openai` (also any compatible server, by its URL) or `anthropic`. Unset: no answers. Keys:
    #: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, or the same with `_FILE`. Needs the extra `llm`.
    llm: Annotated[tuple[LanguageModel, ...], NoDecode] = ()
    #: Maximum USD that all answers of one day (UTC) may cost. Unset: no limit.
    llm_budget_usd: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    #: Maximum USD that the answers of one token may cost in one day (UTC). Unset: no limit.
    llm_token_budget_usd: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    #: Maximum seconds of one answer: search, all models that are tried, and checks.
    llm_timeout_s: float = Field(default=60.0, ge=0.1, le=600.0)
    #: Prices of models that are not known, embedding models too, in USD for a million tokens:
    #: `{"MODEL": {"input": 0.1, "output": 0.4}}`.
    llm_prices: Annotated[tuple[LlmPrice, ...], NoDecode] = ()
    #: Maximum tokens of the passages in one prompt.
    llm_context_tokens: int = Field(default=6_000, ge=200, le=200_000)
    #: 0: models get no tools to search further; for servers that do not know tools.
    llm_tools: bool = True
    #: How a model expands each question before the search, unless the request says so: `off`, `multi` (queries in other
    #: words) or `hyde` (a passage that could answer it). One more call of a model before the first word of an answer.
    llm_expand: Expansion = "off"
    #: Seconds that the text of answers is kept: question, answer, citations. Counts and costs are kept longer.
    answer_retention_s: float = Field(default=30 * 86400.0, ge=0.0, le=LONGEST_S)

    @field_validator("llm", mode="before")
    @classmethod
    def _models(cls, value: Any) -> Any:
        return read_language_models(value) if isinstance(value, str) else value

    @field_validator("llm_prices", mode="before")
    @classmethod
    def _prices(cls, value: Any) -> Any:
        return read_prices(value) if isinstance(value, str) else value
