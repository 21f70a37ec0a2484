"""Numbered passages that an answer may rest on, and how they are shown to a model."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pc_worker.services.answers.injection.detection import as_data, without_instructions
from pc_worker.services.answers.request import Citation
from pc_worker.services.search.reply import JoinedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPassage:
    """A passage of a row, as a range of characters of its text.

    Attributes:
        row_id: The row.
        domain: Its domain.
        text: The text as it is stored.
        start: Where it begins in the row's text.
        end: Where it ends.
        payload: The row's payload.
        joined: The rows that it joins; None if it is a part of its own row's text.
        label: What a reader knows it by, such as who says it and when; empty without.
    """

    row_id: str
    domain: str
    text: str
    start: int
    end: int
    payload: Mapping[str, Any]
    joined: JoinedRows | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A passage with its number; ``shown`` = its text without instructions to the model."""

    number: int
    passage: AnswerPassage
    shown: str

    def citation(self) -> Citation:
        """Return the citation of this passage."""
        one = self.passage
        return Citation(
            number=self.number,
            id=one.row_id,
            domain=one.domain,
            text=one.text,
            start=one.start,
            end=one.end,
            payload=one.payload,
            joined=one.joined,
        )


@dataclass(slots=True)
class Evidence:
    """All passages of one answer by number; tools add more while it is written.

    Attributes:
        passages: The passages, in the order of their numbers.
        facts: Numbers that a tool counted.
        instructions: How many sentences were left out because they speak to the model.
    """

    passages: list[Numbered] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)
    instructions: int = 0
    _mark: str = field(default_factory=lambda: secrets.token_hex(4))

    def add(self, found: Iterable[AnswerPassage]) -> list[Numbered]:
        """Add passages and return them with their numbers; one that is here already keeps its number."""
        known = {(one.passage.row_id, one.passage.start, one.passage.end): one for one in self.passages}
        numbered = []
        for passage in found:
            key = (passage.row_id, passage.start, passage.end)
            if key not in known:
                shown, left_out = without_instructions(passage.text)
                self.instructions += left_out
                known[key] = Numbered(len(self.passages) + 1, passage, shown)
                self.passages.append(known[key])
            numbered.append(known[key])
        return numbered

    def get(self, number: int) -> Numbered | None:
        """Return the passage of this number."""
        return self.passages[number - 1] if 1 <= number <= len(self.passages) else None

    def shown(self, passages: Iterable[Numbered]) -> str:
        """Return passages as a model sees them, each between marks that no row can know."""
        blocks = []
        for one in passages:
            label = f" ({shown_line(one.passage.label)})" if one.passage.label else ""
            blocks.append(self.fenced("passage", f"[{one.number}]{label} {as_data(self._safe(one.shown)).strip()}"))
        return "\n".join(blocks)

    def fenced(self, kind: str, text: str) -> str:
        """Return text between two marks of this answer."""
        return f"<{kind}-{self._mark}>\n{text}\n</{kind}-{self._mark}>"

    def question(self, text: str) -> str:
        """Return a question between marks."""
        return self.fenced("question", as_data(self._safe(text)).strip())

    def _safe(self, text: str) -> str:
        return text.replace(self._mark, "")


def shown_line(text: str) -> str:
    """Return a short text of a row in one line, as a model may see it."""
    return as_data(" ".join(without_instructions(text)[0].split()))
