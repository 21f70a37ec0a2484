"""What a fake model is asked and what it answers, without the form of a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        provider: ``openai`` or ``anthropic``.
        model: The name of the model.
        system: The instructions.
        prompt: The user's first turn.
        tools: Names of the offered tools.
        results: What called tools returned, as text, in order.
        stream: An answer in events is wanted.
        number: The number of the request to this server, from 1.
    """

    provider: str
    model: str
    system: str
    prompt: str
    tools: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    stream: bool = False
    number: int = 1


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer, and how it goes wrong.

    Attributes:
        text: The text.
        calls: Tools to call, with their arguments as JSON text.
        declined: The model declines in the provider's own form.
        status: HTTP status; above 200 an error of the provider.
        error: The provider's name of the error.
        headers: More headers.
        at_limit: The text ends at the limit of tokens.
        usage: Input and output tokens; None = an estimate of the server's own.
        no_usage: The answer has no usage.
        raw: The body, as it is.
        raw_events: Lines that follow the text in the stream.
        wait: The server answers nothing until it is stopped.
        stall_after: It stops for good after this many events.
        cut_after: The connection breaks after this many events, or in the body.
        end_after: The stream ends after this many events, as if it were whole.
        equal_ids: All calls of tools have the same id (OpenAI's shape).
        endless: The text is repeated until the client goes.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    declined: str | None = None
    status: int = 200
    error: str = "server_error"
    headers: dict[str, str] = field(default_factory=dict)
    at_limit: bool = False
    usage: tuple[Any, Any] | None = None
    no_usage: bool = False
    raw: bytes | None = None
    raw_events: tuple[str, ...] = ()
    wait: bool = False
    stall_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    endless: bool = False
    equal_ids: bool = False

    def tokens(self, asked: Asked) -> tuple[Any, Any]:
        if self.usage is not None:
            return self.usage
        sent = len(asked.system + asked.prompt + "".join(asked.results)) // 4
        return sent, max(1, len(self.text) // 4)


Behaviour = Callable[[Asked], Said]


def parts(text: str) -> list[str]:
    """Return the text in parts of some words, as a model streams it."""
    words = text.split(" ")
    return [" ".join(words[i : i + 3]) + (" " if i + 3 < len(words) else "") for i in range(0, len(words), 3)]
