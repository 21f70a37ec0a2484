"""A server's answers, checked: its model, the form of requests that it takes, and whether it works at all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

from pc_worker.encoding.protocol import ModelIdentity
from pc_worker.encoding.remote.client import EngineClient
from pc_worker.encoding.remote.engine_limits import EngineLimits
from pc_worker.encoding.remote.failures import PassingFailure, RequestRejected, Slow, WrongReply
from pc_worker.encoding.remote.reply import Reply, read_reply
from pc_worker.encoding.text.token_estimate import estimated_tokens, most_tokens
from pc_worker.errors import ContractBroken, EngineRefused, Unavailable
from pc_worker.retry import RetryPolicy
from pc_worker.urls import Engine

#: What a server accepts if it works at all: it distinguishes a faulty text from a faulty server.
PROBE = ("warm",)
#: The longest pause that a server may ask for within a call; for a longer one the task is tried again later.
LONGEST_PAUSE_S = 10.0
#: Seconds for which a server that cannot be reached, or did not answer in time, is not asked again.
REST_S = 5.0
LONGEST_REST_S = 120.0
RETRIES = RetryPolicy(attempts=3, first_s=0.2, jitter_s=0.2, longest_s=2.0)
#: 16,000 floats in JSON of at most 24 characters each: no vector has more dimensions.
MAX_BYTES_PER_TEXT = 16_000 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What all engines of a process share.

    Attributes:
        key: The key, if any.
        timeout_s: Seconds within which one request must be answered.
        window: Tokens that an engine reads of one text; None = by the server.
        limits: The limits of requests and tokens per minute.
        prices: USD per million tokens, by model.
    """

    key: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    window: int | None = None
    limits: EngineLimits = field(default_factory=EngineLimits)
    prices: Mapping[str, float] = field(default_factory=dict)


class CheckedEngine:
    """The server of one engine; safe to share between threads."""

    def __init__(self, engine: Engine, options: EngineOptions, *, identity: ModelIdentity | None) -> None:
        self.engine, self.options = engine, options
        self.label = f"the engine {engine_name(engine)}"
        self._client = EngineClient(engine=engine, key=options.key, label=self.label)
        self._identity, self._reported = identity, ""
        self._format = "base64"
        self._rests_until = 0.0
        self._tokens = 0
        self._counting = Lock()

    @property
    def tokens(self) -> int:
        """Number of tokens that the server counted since the start, also of replies that could not be used."""
        return self._tokens

    @property
    def identity(self) -> ModelIdentity:
        """The model's identity; the server is asked if it is not known yet."""
        if self._identity is None:
            self.takes_other_form()
        if self._identity is None:  # pragma: no cover - the probe sets it or raises
            raise Unavailable(f"{self.label} did not answer")
        return self._identity

    def ask(self, texts: Sequence[str], *, timeout_s: float) -> Reply:
        """Send one request and return its checked reply.

        Raises:
            Exception: One of ``failures``, which decides what is tried next.
            Unavailable: If it cannot be reached.
            EngineRefused: If a person must fix the key, the name or the address.
            ContractBroken: If the server has another model than the registered one.
        """
        if time.monotonic() < self._rests_until:
            raise Unavailable(f"{self.label} did not answer in the last seconds")
        estimate = sum(map(estimated_tokens, texts))
        try:
            reply = self._reply(texts, timeout_s)
        except PassingFailure as exc:
            if exc.retry_after_s is not None and exc.retry_after_s > LONGEST_PAUSE_S:
                self._rest(min(exc.retry_after_s, LONGEST_REST_S))
            raise
        except (Slow, Unavailable):
            self._rest(REST_S)
            raise
        except WrongReply:
            self._count(estimate)  # it was paid
            raise
        self._count(min(reply.tokens or estimate, most_tokens(texts)))
        self._check_identity(reply)
        return reply

    def ask_again(self, texts: Sequence[str]) -> Reply:
        """Send a request within the engine's limits, again after a failure that may pass."""
        tokens = sum(map(estimated_tokens, texts))

        def once() -> Reply:
            self.options.limits.take(self.engine.host, tokens=tokens)
            return self.ask(texts, timeout_s=self.options.timeout_s)

        return RETRIES.call(once, on=_pause)

    def check_answers(self) -> None:
        """Check that the server returns a vector of a plain text.

        Raises:
            RequestRejected: If it refuses even that.
            WrongReply: If its reply is wrong.
            Unavailable: If it does not answer.
        """
        self.ask_again(PROBE)

    def takes_other_form(self) -> bool:
        """Return whether the server refuses requests in the usual form and takes them in another from now on.

        Vectors in base64 are a quarter of those in JSON, and older servers do not know them.

        Raises:
            EngineRefused: If it refuses a plain text in every form.
        """
        try:
            self.check_answers()
        except RequestRejected as exc:
            if self._format == "float":
                raise EngineRefused(str(exc)) from None
        else:
            return False
        self._format = "float"
        try:
            self.check_answers()
        except RequestRejected as exc:
            self._format = "base64"
            raise EngineRefused(str(exc)) from None
        return True

    def _reply(self, texts: Sequence[str], timeout_s: float) -> Reply:
        most_bytes = 1_000_000 + len(texts) * MAX_BYTES_PER_TEXT
        content = self._client.request(texts, encoding_format=self._format, timeout_s=timeout_s, most_bytes=most_bytes)
        known = self._identity.dimension if self._identity else self.engine.dimensions
        return read_reply(content, texts=len(texts), dimension=known, model=self._reported)

    def _rest(self, seconds: float) -> None:
        self._rests_until = time.monotonic() + seconds

    def _count(self, tokens: int) -> None:
        with self._counting:
            self._tokens += tokens

    def _check_identity(self, reply: Reply) -> None:
        """Remember the server's model at its first reply; it must be the registered one."""
        if self._reported:
            return
        found = identity_of(self.engine, reply)
        if self._identity is not None and self._identity.revision not in ("", found.revision):
            raise ContractBroken(
                f"{self.label} serves {reply.model[:80]!r}, which is not the model of revision "
                f"{self._identity.revision} that is registered: serve that one, or change the domain's model"
            )
        self._identity = self._identity or found
        self._reported = reply.model


def identity_of(engine: Engine, reply: Reply) -> ModelIdentity:
    """Return the identity: vectors of another server, name or reported model are never mixed with these."""
    parts = [engine.base_url, engine.name, engine.dimensions, reply.model]
    revision = sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return ModelIdentity(name=engine_name(engine), revision=revision, dimension=reply.vectors.shape[1])


def engine_name(engine: Engine) -> str:
    """Return an engine's name for people: with its host, without the path of its address."""
    return f"openai:{engine.name}" + (f"@{engine.host}" if engine.is_own_server else "")


def _pause(exc: Exception) -> bool | float:
    """Return whether to send the request again, or after how many seconds."""
    if isinstance(exc, WrongReply):
        return True
    if not isinstance(exc, PassingFailure):
        return False
    return exc.retry_after_s if exc.retry_after_s and exc.retry_after_s <= LONGEST_PAUSE_S else not exc.retry_after_s
