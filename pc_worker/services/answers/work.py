"""One answer in the making, and the limits that all answers have."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from pc_worker.model.language_model import Expansion, LanguageModel
from pc_worker.services.answers.evidence import Evidence
from pc_worker.services.answers.models.configured import Attempts
from pc_worker.services.answers.request import AnswerRequest, Asker
from pc_worker.store.answers.record import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """Limits of answers: seconds of one, the budgets, tokens of passages, tools, and seconds that text is kept.

    ``expand`` is how questions are expanded that do not say so.
    """

    timeout_s: float = 60.0
    budget: Budget = field(default_factory=Budget)
    context_tokens: int = 6_000
    tools: bool = True
    retention_s: float = 30 * 86400.0
    expand: Expansion = "off"


@dataclass(slots=True, kw_only=True)
class AnswerWork:
    """One answer in the making."""

    request: AnswerRequest
    asker: Asker
    answer_id: UUID
    started: float
    candidates: tuple[LanguageModel, ...]
    attempts: Attempts
    evidence: Evidence
    question: str
    prompt: str
    expand: Expansion = "off"
    #: Whether the domain has rows, as far as that was looked for.
    has_rows: bool = True
    #: Whether a model found no answer in the passages.
    no_answer: bool = False

    @property
    def asks_before_search(self) -> bool:
        """Whether a model is asked before the search: to rewrite the question, or to expand it."""
        return self.has_rows and (bool(self.request.history) or self.expand != "off")
