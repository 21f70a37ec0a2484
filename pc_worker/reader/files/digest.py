"""The digest of a file's content: BLAKE3, fast on every processor; its text names the algorithm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

from blake3 import blake3

#: What new digests are made with.
ALGORITHM = "blake3"
#: What made the digests whose text names no algorithm, as the version before this one wrote them.
_UNNAMED = "sha256"
#: Bytes of a file from which on a thread costs less than it saves.
_WORTH_A_THREAD = 16 << 20
#: Parts that may wait to be hashed: they are held in memory.
_WAITING = 4
_MAKERS: dict[str, Callable[[], Any]] = {ALGORITHM: blake3, _UNNAMED: hashlib.sha256}


def algorithm_of(digest: str) -> str | None:
    """Return the name of the algorithm that made ``digest``, None if it is none that is known here."""
    name, colon, _ = digest.partition(":")
    algorithm = name if colon else _UNNAMED
    return algorithm if algorithm in _MAKERS else None


class Hash:
    """A digest in the making.

    Args:
        algorithm: Its name, one that ``algorithm_of`` returns.
    """

    def __init__(self, algorithm: str = ALGORITHM) -> None:
        self._algorithm, self._state = algorithm, _MAKERS[algorithm]()

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._state.update(data)

    def stop(self) -> None:
        """End what works on the digest, if anything does."""

    def text(self) -> str:
        """Return the digest of all that was given."""
        digest: str = self._state.hexdigest()
        return digest if self._algorithm == _UNNAMED else f"{self._algorithm}:{digest}"


class ThreadedHash(Hash):
    """A digest made by its own thread, so that a second processor hashes while the file is judged.

    BLAKE3 does not hold the interpreter's lock, nor does reading a file: the two threads meet while the caller
    reads its next part. Call ``stop`` when it is not needed any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pieces: SimpleQueue[bytes | memoryview | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_WAITING):
            self._room.put(None)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="file digest", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            try:
                super().update(piece)
            except BaseException as error:
                self._error = error
            del piece
            self._room.put(None)

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes, which no process may change; wait while too many parts are not hashed yet."""
        self._room.get()
        self._pieces.put(data)

    def text(self) -> str:
        """Return the digest of all that was given, and stop."""
        self.stop()
        if self._error is not None:
            raise self._error
        return super().text()

    def stop(self) -> None:
        """End the thread once it has hashed what it was given."""
        self._pieces.put(None)
        self._thread.join()


def hash_beside(size: int) -> Hash:
    """Return a new digest for a file of ``size`` bytes that is read in one pass; threaded where that pays."""
    return ThreadedHash() if size >= _WORTH_A_THREAD else Hash()
