"""Failures of one request to an engine, which decide what is tried next; none leaves this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.errors import EncodingFailed, EngineMisbehaved, Unavailable


class WrongReply(Exception):
    """A reply that cannot be used; the message says why, without any part of its vectors."""


class RequestRejected(Exception):
    """The server does not take this request: its texts may be at fault, or its form."""


class Slow(Exception):
    """The server did not answer in time: a smaller batch may be answered."""


class PassingFailure(Exception):
    """The server failed in a way that may pass at once; ``retry_after_s`` = the pause that it asks for, if any."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Faulted(PassingFailure):
    """The server failed on this request (HTTP 500): some fail so on a text that is too long."""


@contextmanager
def translated(label: str) -> Iterator[None]:
    """Raise a failure of the block as the error that callers know; ``label`` = the engine in messages."""
    try:
        yield
    except WrongReply as exc:
        raise EngineMisbehaved(f"{label} sends wrong replies: {exc}") from None
    except RequestRejected as exc:
        raise EncodingFailed(str(exc)) from None
    except (Slow, PassingFailure) as exc:
        raise Unavailable(str(exc)) from None
