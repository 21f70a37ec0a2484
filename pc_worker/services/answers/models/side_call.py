"""A short conversation in addition to the answer itself: a question rewritten or expanded, an answer judged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from pc_worker.llm import LlmFailure
from pc_worker.llm.failures import left_early
from pc_worker.model.language_model import LanguageModel
from pc_worker.services.answers.models.configured import Attempts, LlmModels
from pc_worker.services.answers.models.prompt_files import newest_prompt

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCall(Generic[T]):
    """What is asked.

    Attributes:
        purpose: As it is recorded.
        instructions: The name of the prompt.
        prompt: The user's turn.
        max_tokens: Most tokens of the reply.
        read: Reads the reply; raises ``ValueError`` for one that is not what was asked for.
        whole: A reply that the server cut at its limit of tokens is not what was asked for.
    """

    purpose: str
    instructions: str
    prompt: str
    max_tokens: int
    read: Callable[[str], T]
    whole: bool = False


async def ask_model(
    models: LlmModels, model: LanguageModel, attempts: Attempts, call: SideCall[T], *, within_s: float
) -> T:
    """Ask one model, and record the attempt.

    Raises:
        LlmFailure: If it does not answer, or not what was asked for.
    """
    from pc_worker.llm.ask import Conversation, pump

    conversation = Conversation(
        instructions=newest_prompt(call.instructions).text, prompt=call.prompt, max_tokens=call.max_tokens
    )
    started, failure = monotonic(), None
    try:
        client = models.client(model)
        async with aclosing(pump(conversation, client, within_s=max(0.05, within_s))) as pieces:
            reply = "".join([piece.text async for piece in pieces])
        if call.whole and conversation.cut:
            raise LlmFailure("invalid_output", f"the reply was cut at its limit of tokens ({call.purpose})")
        return _read(call, reply)
    except LlmFailure as exc:
        failure = exc
        raise
    except BaseException:  # no success: that would close the circuit of a server that hangs
        failure = left_early()
        raise
    finally:
        usage, seconds = conversation.usage, monotonic() - started
        attempts.made.append(models.attempted(model, call.purpose, usage, seconds, failure))


def _read(call: SideCall[T], text: str) -> T:
    try:
        return call.read(text)
    except (ValueError, LookupError, TypeError) as exc:
        raise LlmFailure("invalid_output", f"the reply is not what was asked for ({call.purpose})") from exc
