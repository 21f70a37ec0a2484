"""The request and the result of an answer, and the limits of what one request may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from pc_worker.domains import get_domain
from pc_worker.errors import InvalidRequest, PermissionDenied
from pc_worker.model.filter import Filter
from pc_worker.model.language_model import Expansion
from pc_worker.services.request_model import DomainName, RequestModel
from pc_worker.services.search.reply import JoinedRows
from pc_worker.services.search.request import MAX_K
from pc_worker.services.search.where_schema import WHERE_SCHEMA
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.filters.where import read_where

DEFAULT_K = 8
#: A question is one or a few sentences.
MAX_QUESTION_CHARS = 4_000
#: Turns of a conversation that are read, and the characters of one.
MAX_TURNS = 40
MAX_TURN_CHARS = 16_384

#: ``truncated`` = the model's limit of tokens ended the answer, not the model.
FlagKind = Literal["unsupported", "number", "name", "citation", "language", "truncated"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation before the question."""

    role: Literal["user", "assistant"]
    text: str


class AnswerArguments(RequestModel):
    """What is asked: the same on the command line and over HTTP."""

    question: str = Field(description="a question")
    domain: DomainName = Field(description="the name of a domain")
    k: int = Field(
        default=DEFAULT_K, ge=1, le=MAX_K, description=f"a whole number from 1 to {MAX_K}: rows to answer from, at most"
    )
    where: Annotated[Filter | None, PlainValidator(read_where), WithJsonSchema(WHERE_SCHEMA)] = Field(
        default=None, description="a filter, as for a search"
    )
    model: str | None = Field(
        default=None, description="the name of a configured language model; null = in their order"
    )
    expand: Expansion | None = Field(
        default=None,
        description="off, multi (search for the question in other words, too) or hyde (for a passage that could "
        "answer it); null = as the server is set",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.question.strip():
            raise InvalidRequest("the question is empty: enter a question")
        if len(self.question) > MAX_QUESTION_CHARS:
            raise InvalidRequest(
                f"the question has {len(self.question):,} characters: it may have {MAX_QUESTION_CHARS:,}"
            )
        if not is_storable(self.question):
            raise InvalidRequest("the question has the character NUL or half of a surrogate pair: remove it")
        return self


class AnswerRequest(AnswerArguments):
    """The request of an answer; ``history`` = earlier turns, if the question follows up on them."""

    history: tuple[Turn, ...] = ()

    @classmethod
    def of(cls, asked: AnswerArguments) -> AnswerRequest:
        """Return the request without earlier turns."""
        return cls(**{name: getattr(asked, name) for name in AnswerArguments.model_fields})


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the sha256 of the token (empty without one), and the domains it may read (None = all)."""

    token: str = ""
    domains: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A passage that the answer cites, as ``[number]``.

    Attributes:
        number: Its number in the answer.
        id: The row.
        domain: The row's domain.
        text: The text of the passage.
        start: Where it begins, in characters of the row's text, or of the joined text.
        end: Where it ends, exclusive.
        payload: The row's payload.
        joined: The rows that the passage joins, with who and when; None if it is a part of its own row's text.
    """

    number: int
    id: str
    domain: str
    text: str
    start: int
    end: int
    payload: Mapping[str, Any]
    joined: JoinedRows | None = None

    @property
    def row_ids(self) -> set[str]:
        """All rows that the passage has text of."""
        return {self.id, *(self.joined.rows if self.joined else ())}

    def to_dict(self) -> dict[str, Any]:
        """Return the citation as it is in an answer's document."""
        joined = {} if self.joined is None else self.joined.to_dict()
        return {
            "number": self.number,
            "id": self.id,
            "domain": self.domain,
            "passage": {"text": self.text, "start": self.start, "end": self.end} | joined,
            "payload": dict(self.payload),
        }


@dataclass(frozen=True, slots=True)
class Flag:
    """What a check found: its kind, the words in question, and the sentence that they are in."""

    kind: FlagKind
    text: str
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of one question; ``refused`` = the rows do not answer it."""

    id: str
    question: str
    domain: str
    answer: str
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    model: str | None = None
    prompt: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    cached: bool = False
    flags: tuple[Flag, ...] = ()
    took_ms: float = 0.0
    attempts: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def truncated(self) -> bool:
        """Whether the end of the answer is missing."""
        return any(flag.kind == "truncated" for flag in self.flags)

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `answer --json` and of HTTP."""
        return {
            "id": self.id,
            "question": self.question,
            "domain": self.domain,
            "answer": self.answer,
            "citations": [citation.to_dict() for citation in self.citations],
            "refused": self.refused,
            "model": self.model,
            "prompt": self.prompt,
            "usage": {
                "input_tokens": self.input_tokens,
                "output_tokens": self.output_tokens,
                "cost_usd": self.cost_usd,
                "cached": self.cached,
            },
            "flags": [asdict(flag) for flag in self.flags],
            "took_ms": self.took_ms,
        }


def check_answer_request(request: AnswerRequest, asker: Asker) -> None:
    """Check the limits of a request.

    Raises:
        InvalidRequest: If a value is out of its limits.
        PermissionDenied: If the asker may not read the domain.
    """
    if asker.domains is not None and request.domain not in asker.domains:
        raise PermissionDenied(f"this token is not for domain {request.domain[:80]!r}")
    get_domain(request.domain)
    if len(request.history) > MAX_TURNS or any(len(turn.text) > MAX_TURN_CHARS for turn in request.history):
        raise InvalidRequest(
            f"the conversation is too long: {MAX_TURNS} turns of {MAX_TURN_CHARS:,} characters at most"
        )
