"""The digest of a file's content: BLAKE3, fast on every processor; its text names the algorithm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from blake3 import blake3

#: What new digests are made with.
ALGORITHM = "blake3"
#: What made the digests whose text names no algorithm, as the version before this one wrote them.
_UNNAMED = "sha256"
_MAKERS: dict[str, Callable[[], Any]] = {ALGORITHM: blake3, _UNNAMED: hashlib.sha256}


def algorithm_of(digest: str) -> str | None:
    """The name of the algorithm that made ``digest``, None if it is none that is known here."""
    name, colon, _ = digest.partition(":")
    algorithm = name if colon else _UNNAMED
    return algorithm if algorithm in _MAKERS else None


class Hash:
    """A digest in the making.

    Args:
        algorithm: Its name, one that ``algorithm_of`` gives.
    """

    def __init__(self, algorithm: str = ALGORITHM) -> None:
        self._algorithm, self._state = algorithm, _MAKERS[algorithm]()

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._state.update(data)

    def text(self) -> str:
        """The digest of all that was given."""
        digest: str = self._state.hexdigest()
        return digest if self._algorithm == _UNNAMED else f"{self._algorithm}:{digest}"
