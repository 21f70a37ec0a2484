"""One request to an embeddings server, with the official client; every failure by what to do about it."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pc_worker.encoding.remote.failures import Faulted, PassingFailure, RequestRejected, Slow, WrongReply
from pc_worker.errors import EngineRefused, InvalidRequest, Unavailable
from pc_worker.urls import Engine

MAX_SAID = 200
KEY = re.compile(r"[\x21-\x7e]+")
SECRETS = re.compile(r"\b(sk|hf|key|Bearer)[-_ ][\w*.-]{6,}", re.IGNORECASE)
#: Statuses of a request that the server does not take: its texts, or its form.
REFUSED = frozenset((400, 413, 414, 422))
FAULT = 500
#: Loggers that write several lines for each request.
TALKATIVE = ("openai", "httpx2", "httpcore2")
KEYS = "check PC_WORKER_EMBEDDINGS_API_KEY or OPENAI_API_KEY"


@dataclass(slots=True, kw_only=True)
class EngineClient:
    """The client of one engine; safe to share between threads and usable after a fork.

    Attributes:
        engine: The engine.
        key: The key, if the server needs one.
        label: The engine in messages.
    """

    engine: Engine
    key: str | None = field(repr=False)
    label: str
    _clients: dict[int, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Raise InvalidRequest if the key cannot be one, without repeating it."""
        if self.key is not None and not KEY.fullmatch(self.key):
            raise InvalidRequest(f"the key of {self.label} holds a space or a character that no key has: {KEYS}")

    def request(self, texts: Sequence[str], *, encoding_format: str, timeout_s: float, most_bytes: int) -> bytes:
        """Return the body of the reply.

        Raises:
            RequestRejected: If the server does not take the request.
            PassingFailure: If it failed and may answer at once.
            Slow: If it did not answer in time.
            Unavailable: If it cannot be reached.
            EngineRefused: If a person must fix the key, the name or the address.
            WrongReply: If the reply does not end, or is over ``most_bytes``.
        """
        deadline = time.monotonic() + timeout_s
        wanted: dict[str, Any] = {"input": list(texts), "model": self.engine.name, "encoding_format": encoding_format}
        if self.engine.dimensions is not None:
            wanted["dimensions"] = self.engine.dimensions
        with self._translating(), self._create(wanted, timeout_s) as response:
            return self._read(response.iter_bytes(), deadline=deadline, most_bytes=most_bytes)

    def _read(self, parts: Iterator[bytes], *, deadline: float, most_bytes: int) -> bytes:
        found = bytearray()
        for part in parts:
            found += part
            if len(found) > most_bytes:
                raise WrongReply(f"it is longer than {most_bytes:,} bytes")
            if time.monotonic() > deadline:
                raise Slow(f"{self.label} did not end its reply in time")
        return bytes(found)

    def _create(self, wanted: Mapping[str, Any], timeout_s: float) -> Any:
        import openai

        # Servers of one's own often need no key: the header is left out then, not sent with an invented one.
        headers = {"Authorization": openai.Omit()} if self.key is None else {}
        embeddings = self._client().embeddings.with_streaming_response
        return embeddings.create(**wanted, timeout=timeout_s, extra_headers=headers)

    def _client(self) -> Any:
        # Connections do not survive a fork, so each process opens its own.
        process = os.getpid()
        if process not in self._clients:
            import openai

            for name in TALKATIVE:
                logging.getLogger(name).setLevel(logging.WARNING)
            self._clients[process] = openai.OpenAI(
                api_key=self.key or "none",
                base_url=self.engine.base_url,
                max_retries=0,  # the encoder retries: it knows what a batch is, and its budget
                # A redirect could carry texts to another host, or to one without TLS.
                http_client=openai.DefaultHttpxClient(follow_redirects=False),
            )
        return self._clients[process]

    @contextmanager
    def _translating(self) -> Iterator[None]:
        import httpx2
        import openai

        try:
            yield
        except (openai.APITimeoutError, httpx2.TimeoutException):
            raise Slow(f"{self.label} did not answer in time") from None
        except openai.APIStatusError as exc:
            raise self._of_status(exc) from None
        except httpx2.DecodingError:
            raise WrongReply("it cannot be decompressed") from None
        except (openai.APIConnectionError, httpx2.TransportError) as exc:
            raise Unavailable(f"{self.label} cannot be reached: {self._said(exc.__cause__ or exc)}") from None

    def _of_status(self, exc: Any) -> Exception:
        status, said = exc.status_code, self._said(_message(exc.body))
        if status in (401, 403):  # some servers repeat the key in their message
            return EngineRefused(f"{self.label} refuses the key (HTTP {status}): {KEYS}")
        if status == FAULT:
            return Faulted(f"{self.label} fails (HTTP {status}): {said}")
        if status in REFUSED:
            return RequestRejected(f"{self.label} refuses it (HTTP {status}): {said}")
        if status == 429 and _code(exc.body) == "insufficient_quota":
            return EngineRefused(f"{self.label} has no quota left: {said}")
        if status in (408, 409, 425, 429) or status > FAULT:
            pause = _retry_after(exc.response.headers)
            return PassingFailure(f"{self.label} is not available (HTTP {status}): {said}", pause)
        return EngineRefused(
            f"{self.label} has no such model or no /embeddings at this address (HTTP {status}): {said}"
        )

    def _said(self, what: object) -> str:
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in str(what)).split())
        if self.key:
            text = text.replace(self.key, "***")
        return SECRETS.sub("***", text)[:MAX_SAID] or "no reason given"


def _message(body: object) -> object:
    inner = body.get("error", body) if isinstance(body, dict) else body
    return inner.get("message", "") if isinstance(inner, dict) else inner or ""


def _code(body: object) -> object:
    inner = body.get("error", body) if isinstance(body, dict) else None
    return inner.get("code") or inner.get("type") if isinstance(inner, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``retry-after-ms`` or ``Retry-After``, which may be a date."""
    from email.utils import parsedate_to_datetime

    readings: tuple[tuple[str, Callable[[str], float]], ...] = (
        ("retry-after-ms", lambda text: float(text) / 1000),
        ("retry-after", float),
        ("retry-after", lambda text: parsedate_to_datetime(text).timestamp() - time.time()),
    )
    for name, reading in readings:
        try:
            seconds = reading(headers[name])
        except (KeyError, ValueError, TypeError, OverflowError):
            continue
        if 0 <= seconds < 86_400:
            return seconds
    return None
