"""Find the rows of a source that share a key, in bounded memory for any number of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

#: Rows compared at once: 16 bytes each, about three times that while sorting.
ROWS_AT_ONCE = 500_000
DIGEST = np.dtype([("high", ">u8"), ("low", ">u8")])


class KeyIndex:
    """The keys of a source's rows, in row order, as 128-bit digests in a file.

    Args:
        file: An empty binary file; the caller deletes it.
        rows_at_once: Rows compared at once.
    """

    def __init__(self, file: IO[bytes], *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._file, self._rows_at_once = file, rows_at_once
        self._nulls: list[int] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, keys: Sequence[str | None]) -> None:
        """Add the keys of the next rows; a null key equals no other key."""
        for key in keys:
            if key is None:
                self._nulls.append(self.rows)
                self._file.write(bytes(16))
            else:
                self._file.write(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest())
            self.rows += 1

    def groups(self) -> Iterator[NDArray[np.int64]]:
        """Yield the row numbers, ascending, shape (n,), of every key that occurs more than once."""
        if not self.rows:
            return
        self._file.flush()
        digests = np.memmap(self._file, DIGEST, "r", shape=(self.rows,))
        passes = -(-self.rows // self._rows_at_once)
        for number in range(passes):
            yield from self._groups_of(digests, number, passes)

    def _groups_of(
        self, digests: np.memmap[tuple[int], np.dtype[np.void]], number: int, passes: int
    ) -> Iterator[NDArray[np.int64]]:
        chosen = np.concatenate(
            [
                start + np.flatnonzero(digests["low"][start : start + self._rows_at_once] % passes == number)
                for start in range(0, self.rows, self._rows_at_once)
            ]
        )
        chosen = chosen[~np.isin(chosen, self._nulls)] if self._nulls else chosen
        keys = np.array(digests[chosen])
        order = np.lexsort((chosen, keys["low"], keys["high"]))
        keys, chosen = keys[order], chosen[order]
        for group in np.split(chosen, 1 + np.flatnonzero(keys[1:] != keys[:-1])):
            if len(group) > 1:
                yield group
