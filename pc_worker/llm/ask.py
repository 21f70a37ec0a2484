"""One conversation with one model: its text as it comes, and errors of every kind as one."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any, Literal

from pydantic_ai import Agent, AgentRunResultEvent, Tool
from pydantic_ai import exceptions as ai
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from pc_worker.llm.failures import LlmFailure, Reason
from pc_worker.llm.usage import Usage, plausible

#: Characters of an answer; a model that does not stop is cut off.
MAX_TEXT_CHARS = 16_000
#: Times that a model may call a tool with wrong arguments.
TOOL_RETRIES = 2

REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (ai.ModelRequestTimeout, "timeout"),
    (ai.ModelTimeoutError, "timeout"),
    (ai.ModelQuotaExceededError, "quota"),
    (ai.ModelRateLimitError, "rate_limited"),
    (ai.ModelConnectionError, "connection"),
    (ai.ModelUnavailableError, "server_error"),
    (ai.ModelServerError, "server_error"),
    (ai.ModelAuthenticationError, "unauthorised"),
    (ai.ModelRequestRejectedError, "rejected"),
    (ai.ContentFilterError, "declined"),
)
#: Errors of an HTTP client before a request is sent.
NOT_SENT = frozenset(("ConnectError", "ConnectTimeout", "PoolTimeout"))
#: Schemas of tools by the code of their functions: milliseconds each.
SCHEMAS: dict[CodeType, Any] = {}
# Usage that cannot be is estimated here; the library would warn on stderr.
warnings.filterwarnings("ignore", message="Failed to extract usage")


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """What a model sent: text, or ``restart`` = the text so far was not the answer, the model called a tool."""

    text: str = ""
    kind: Literal["text", "restart"] = "text"


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One conversation with a model.

    Attributes:
        instructions: The system prompt.
        prompt: The user's turn.
        tools: Functions that the model may call.
        max_tokens: Maximum tokens of each reply.
        tool_calls: Maximum number of calls of tools.
        tool_s: Seconds of one call of a tool.
        stream: Receive the text as it is written.
        cut: Whether the server ended the last reply at its limit of tokens.
    """

    instructions: str
    prompt: str
    tools: Sequence[Callable[..., Any]] = ()
    max_tokens: int = 1_500
    tool_calls: int = 4
    tool_s: float = 10.0
    stream: bool = False
    received: str = ""
    cut: bool = False
    #: Whether a server may have read the request, and whether its reply came to its end.
    _sent: bool = False
    _ended: bool = False
    _run: RunUsage = field(default_factory=RunUsage)

    @property
    def usage(self) -> Usage:
        """The tokens so far, also of a conversation that failed or was left: the server counts what it has read."""
        reported = Usage(self._run.input_tokens or 0, self._run.output_tokens or 0)
        if not self._sent and not self._run.requests and not self.received and reported == Usage():
            return reported
        return plausible(
            reported,
            sent=self.instructions + self.prompt,
            received=self.received,
            requests=self._run.requests,
            most_output=self.max_tokens,
            is_whole=self._ended,
        )

    async def run(self, model: Model[Any]) -> AsyncIterator[ReplyPart]:
        """Yield what the model writes.

        Raises:
            LlmFailure: If it writes no text, or the server fails.
        """
        agent: Agent[None, str] = Agent(
            model,
            instructions=self.instructions,
            tools=[_tool(function) for function in self.tools],
            retries={"tools": TOOL_RETRIES, "output": 0},
            tool_timeout=self.tool_s,
            model_settings=ModelSettings(max_tokens=self.max_tokens),
        )
        self._sent = True
        try:
            async for part in self._streamed(agent) if self.stream else self._whole(agent):
                yield part
            self._ended = True
        except LlmFailure:
            raise
        except Exception as exc:  # what a client raises for a broken response is not documented
            self._sent = _may_have_been_read(exc)
            raise failure_of(exc) from exc

    async def _whole(self, agent: Agent[None, str]) -> AsyncIterator[ReplyPart]:
        result = await agent.run(self.prompt, usage=self._run, usage_limits=self._limits(), infer_name=False)
        self._end(result.response.finish_reason)
        self.received = storable_text(result.output)
        if len(self.received) > MAX_TEXT_CHARS:
            raise LlmFailure("invalid_output", f"the answer has more than {MAX_TEXT_CHARS:,} characters")
        yield ReplyPart(self.received)

    async def _streamed(self, agent: Agent[None, str]) -> AsyncIterator[ReplyPart]:
        options: dict[str, Any] = {"usage": self._run, "usage_limits": self._limits(), "infer_name": False}
        async with agent.run_stream_events(self.prompt, **options) as events:
            async for event in events:
                if isinstance(event, AgentRunResultEvent):
                    self._end(event.result.response.finish_reason)
                    return
                part = _reply_part(event)
                if part is None:
                    continue
                self.received += part.text
                if len(self.received) > MAX_TEXT_CHARS:
                    raise LlmFailure("invalid_output", f"the answer has more than {MAX_TEXT_CHARS:,} characters")
                yield part
        raise LlmFailure("invalid_output", "the stream ended without a result")

    def _end(self, reason: str | None) -> None:
        if reason == "content_filter":
            raise LlmFailure("declined", "the model declines to answer")
        if reason == "error":
            raise LlmFailure("server_error", "the server ended the answer with an error")
        self.cut = reason == "length"

    def _limits(self) -> UsageLimits:
        return UsageLimits(request_limit=self.tool_calls + 1 if self.tools else 1, tool_calls_limit=self.tool_calls)


def _tool(function: Callable[..., Any]) -> Tool[None]:
    """Return a function as a tool; its schema is made once, as each answer has functions of the same code."""
    known = SCHEMAS.get(function.__code__)
    made: Tool[None] = Tool(function, function_schema=None if known is None else replace(known, function=function))
    SCHEMAS[function.__code__] = made.function_schema
    return made


def _reply_part(event: object) -> ReplyPart | None:
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return ReplyPart(storable_text(text)) if text else None
        case PartStartEvent(part=ToolCallPart()):
            return ReplyPart(kind="restart")
        case _:
            return None


def storable_text(text: str) -> str:
    r"""Return the text without characters that no database stores and no JSON parser accepts: NUL and lone surrogates.

    >>> storable_text("a\x00b\ud800")
    'ab?'
    """
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _may_have_been_read(exc: BaseException) -> bool:
    """Return whether a server may have read the request: it did not refuse it, and was connected."""
    status = getattr(exc, "status_code", None)
    if isinstance(status, int) and status >= 400 and not getattr(exc, "in_stream", False):
        return False
    cause: BaseException | None = exc
    while cause is not None:
        if type(cause).__name__ in NOT_SENT:
            return False
        cause = cause.__cause__ or cause.__context__
    return True


def failure_of(exc: BaseException) -> LlmFailure:
    """Return the failure that an error of a client means; its text may hold a request, so only its kind is reported."""
    reason: Reason = next((reason for kind, reason in REASONS if isinstance(exc, kind)), "invalid_output")
    status = getattr(exc, "status_code", None)
    detail = f"{type(exc).__name__}" + (f", HTTP {status}" if isinstance(status, int) else "")
    if reason == "invalid_output" and isinstance(status, int):
        reason = "server_error" if status >= 500 else "rate_limited" if status == 429 else "rejected"
    wait = getattr(exc, "retry_after", None)
    return LlmFailure(reason, detail, float(wait) if isinstance(wait, int | float) else None)


async def pump(conversation: Conversation, model: Model[Any], *, within_s: float) -> AsyncGenerator[ReplyPart, None]:
    """Yield what a model writes; the conversation runs in its own task, so that this can be left at any time.

    Raises:
        LlmFailure: As ``Conversation.run``, and if it takes longer than ``within_s``.
    """
    parts: asyncio.Queue[ReplyPart | BaseException | None] = asyncio.Queue(maxsize=64)
    task = asyncio.create_task(_produce(conversation, model, parts, within_s))
    try:
        while True:
            part = await parts.get()
            if part is None:
                return
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _produce(
    conversation: Conversation,
    model: Model[Any],
    parts: asyncio.Queue[ReplyPart | BaseException | None],
    within_s: float,
) -> None:
    end: BaseException | None = None
    try:
        async with asyncio.timeout(within_s):
            async for part in conversation.run(model):
                await parts.put(part)
    except TimeoutError:
        end = LlmFailure("timeout", f"no answer within {within_s:.3g} s")
    except Exception as exc:
        end = exc
    await parts.put(end)
