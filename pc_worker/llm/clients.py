"""The models of pydantic-ai on the official clients of the providers.

A client's library takes a second to load: only those that are asked are imported.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from pc_worker.llm.failures import LlmFailure
from pc_worker.model.language_model import LanguageModel, LlmProvider

if TYPE_CHECKING:
    from pydantic_ai.models import Model

#: Bytes of one response; an answer has some kilobytes.
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
#: Where the end of a stream of events is searched: after it comes at most the usage.
LAST_BYTES = 16 * 1024
#: The end of a stream: some servers send no reason, others no last event. A text's own quotes and lines are escaped.
END = re.compile(rb'^data: *\[DONE\]|^event: *message_stop|"(?:finish|stop)_reason": *"', re.MULTILINE)
#: A server of one's own often needs no key, but the clients do.
NO_KEY = "none"


class ResponseTooLarge(Exception):
    """A response has more bytes than an answer can have."""


class _Bounded:
    """A response's stream that ends with an error after MAX_RESPONSE_BYTES, or where a stream of events was cut."""

    def __init__(self, stream: Any, *, has_end: bool) -> None:
        self._stream, self._has_end = stream, has_end
        self._size, self._last = 0, b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A client that has seen the last event iterates once more, for what is left.
        async for part in self._stream:
            self._size += len(part)
            if self._size > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge(f"the response has more than {MAX_RESPONSE_BYTES:,} bytes")
            self._last = (self._last + part)[-LAST_BYTES:]
            yield part
        # Without a length, a lost connection looks like the end, and the clients take what came for the whole answer.
        if self._has_end and not END.search(self._last):
            raise LlmFailure("connection", "the stream of the answer was cut before its end")

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: Any) -> None:
    headers = response.headers
    is_readable = headers.get("content-encoding", "identity") == "identity"
    is_events = response.status_code == 200 and headers.get("content-type", "").startswith("text/event-stream")
    response.stream = _bounded_stream(response.stream, has_end=is_events and is_readable)


def _bounded_stream(stream: Any, *, has_end: bool) -> Any:
    # The HTTP library accepts only streams of its own type.
    kind = next(base for base in type(stream).__mro__ if base.__name__ == "AsyncByteStream")
    return type("BoundedStream", (_Bounded, kind), {})(stream, has_end=has_end)


HOOKS: dict[str, list[Any]] = {"request": [], "response": [_bound]}


def make_model(model: LanguageModel, *, keys: Mapping[LlmProvider, str | None], timeout_s: float) -> Model[Any]:
    """Return the model with its own client, which never tries again by itself.

    Raises:
        LlmFailure: If the provider's key is not set and the server is its own.
    """
    key = keys.get(model.provider) or (None if model.base_url is None else NO_KEY)
    if key is None:
        variable = f"{model.provider.upper()}_API_KEY"
        raise LlmFailure("not_configured", f"{model.label} needs a key: set {variable} or {variable}_FILE")
    options: dict[str, Any] = {"api_key": key, "base_url": model.base_url, "max_retries": 0, "timeout": timeout_s}
    return (_openai if model.provider == "openai" else _anthropic)(model.name, options)


def _openai(name: str, options: dict[str, Any]) -> Model[Any]:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(**options)
    client._client.event_hooks = HOOKS
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


def _anthropic(name: str, options: dict[str, Any]) -> Model[Any]:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(**options)
    client._client.event_hooks = HOOKS
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
