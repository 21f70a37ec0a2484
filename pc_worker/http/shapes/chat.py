"""OpenAI's shape of chat completions, for answers: the model is a domain, citations are annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.services.answers.checks.check import CITATION, inactive
from pc_worker.services.answers.request import Answer, AnswerRequest, Citation, Turn

PREFIX = "pcw/"
#: Characters of a passage in the list at the end of a text.
SHOWN = 160
MAX_MESSAGES = 200


class TextPart(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: str | None = ""


class ChatMessage(BaseModel):
    """One turn; `system`, `developer` and `tool` are accepted and not read: the rules of answers are fixed."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """The text of all parts."""
        if isinstance(self.content, str):
            return self.content
        parts = (part for part in self.content or () if part.type in ("text", "input_text", "output_text"))
        return "".join(part.text or "" for part in parts)


class StreamOptions(BaseModel):
    """What a stream has in addition."""

    include_usage: bool | None = False


class ChatRequest(BaseModel):
    """A conversation; fields that OpenAI's API has beyond these are ignored, and null is as left out."""

    model: str = Field(max_length=500, description="`pcw/DOMAIN`, an id of `GET /v1/models`.")
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = Field(default=None, description="Only 1 answer is possible.")

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


class ChatCompletion(BaseModel):
    """A completion, as OpenAI's clients read it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]


def answer_request(chat: ChatRequest) -> AnswerRequest:
    """Return the request of an answer: the last turn of the user, and the turns before it.

    Raises:
        NotFound: If the model is no domain.
        InvalidRequest: If the last message is not of the user.
    """
    if not chat.model.startswith(PREFIX):
        raise NotFound(f"there is no model {chat.model[:80]!r}: the model of answers is {PREFIX}DOMAIN")
    turns = [message for message in chat.messages if message.role in ("user", "assistant")]
    if not turns or turns[-1].role != "user":
        raise InvalidRequest("the last message must be a question of the user")
    history = tuple(
        Turn("user" if turn.role == "user" else "assistant", without_sources(turn.text))
        for turn in turns[:-1][-MAX_HISTORY:]
        if turn.text.strip()
    )
    return AnswerRequest(question=turns[-1].text, domain=chat.model.removeprefix(PREFIX), history=history)


#: Turns of a conversation that are read.
MAX_HISTORY = 20
#: Between an answer and the list of its sources.
SEPARATOR = "\n\n—\n"


def without_sources(text: str) -> str:
    """Return an earlier answer without the list of its sources, cut to what a turn may have."""
    return text.partition(SEPARATOR)[0][:16_000]


def sources(citations: Sequence[Citation]) -> str:
    """Return the list of sources at the end of an answer; empty without citations."""
    lines = (f"[{one.number}] {one.id} ({_place(one)}): {_short(one.text)}" for one in citations)
    listed = "\n".join(lines)
    return f"{SEPARATOR}{listed}" if listed else ""


def _place(citation: Citation) -> str:
    return f"{citation.start}–{citation.end}" if citation.joined is None else _short(citation.joined.label)


def _short(text: str) -> str:
    # Numbers in brackets would look like citations.
    plain = inactive(" ".join(text.split())).replace("[", "(").replace("]", ")")
    return plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"


def url_citations(answer: Answer, *, base_url: str) -> list[dict[str, Any]]:
    """Return an annotation for each citation in the text: where it is, and the row that it opens."""
    by_number = {str(citation.number): citation for citation in answer.citations}
    found = []
    for mark in CITATION.finditer(answer.answer):
        citation = by_number.get(mark[1])
        if citation is None:
            continue
        place = {
            "start_index": mark.start(),
            "end_index": mark.end(),
            "title": _title(citation.payload) or citation.id,
            "url": f"{base_url}/v1/domains/{citation.domain}/rows/{citation.id}",
        }
        found.append({"type": "url_citation", "url_citation": place, "citation": citation.to_dict()})
    return found


def _title(payload: Mapping[str, Any]) -> str:
    return next((str(payload[name]) for name in ("title", "name", "subject") if payload.get(name)), "")


def completion(answer: Answer, *, model: str, created: int, base_url: str) -> dict[str, Any]:
    """Return the document of a completion."""
    message = {
        "role": "assistant",
        "content": answer.answer + sources(answer.citations),
        "refusal": None,
        "annotations": url_citations(answer, base_url=base_url),
    }
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer), "logprobs": None}
    head = _head(answer.id, "chat.completion", model, created)
    return head | {"choices": [choice], "usage": _usage(answer)}


def chunk(
    answer_id: str, model: str, created: int, delta: Mapping[str, Any], finish: str | None = None
) -> dict[str, Any]:
    """Return the document of a part of a stream."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}
    return _head(answer_id, "chat.completion.chunk", model, created) | {"choices": [choice]}


def last_chunks(answer: Answer, model: str, created: int, *, base_url: str, usage: bool) -> Iterator[dict[str, Any]]:
    """Yield what follows the text of a stream: sources, annotations, the end, and the usage."""
    deltas: Iterable[dict[str, Any]] = (
        {"content": sources(answer.citations)},
        {"annotations": url_citations(answer, base_url=base_url)},
    )
    if answer.citations:
        yield from (chunk(answer.id, model, created, delta) for delta in deltas)
    yield chunk(answer.id, model, created, {}, _finish(answer))
    if usage:
        yield _head(answer.id, "chat.completion.chunk", model, created) | {"choices": [], "usage": _usage(answer)}


def _finish(answer: Answer) -> str:
    return "length" if answer.truncated else "stop"


def _head(answer_id: str, kind: str, model: str, created: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer_id}", "object": kind, "created": created, "model": model}


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
