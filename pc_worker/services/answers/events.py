"""What happens while an answer is made, in the order in which a caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pc_worker.services.answers.request import Answer, Citation


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """The passages that the answer may rest on."""

    passages: tuple[Citation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the event `search`."""
        return {"passages": [one.to_dict() for one in self.passages]}


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next part of the text: whole sentences, checked."""

    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the event `delta`."""
        return {"text": self.text}


@dataclass(frozen=True, slots=True)
class CitationGiven:
    """A passage that the text so far cites for the first time."""

    citation: Citation

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the event `citation`."""
        return self.citation.to_dict()


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The whole answer."""

    answer: Answer

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the event `done`."""
        return self.answer.to_dict()


AnswerEvent = PassagesFound | AnswerDelta | CitationGiven | AnswerDone
#: Names of the events for callers.
EVENT_NAMES: dict[type[Any], str] = {
    PassagesFound: "search",
    AnswerDelta: "delta",
    CitationGiven: "citation",
    AnswerDone: "done",
}
