"""Recognises segments of alike items at the speed of C: short texts, references, lists of references.

Nothing here knows what an item means beyond what its own bytes say; items that do not fit are left to the walker.
"""

from __future__ import annotations

import re
from array import array
from functools import lru_cache
from itertools import pairwise

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.repetition import POSSESSIVE
from pc_worker.reader.pickle.walk.memo import CONTAINER, SCALAR, Memo
from pc_worker.reader.pickle.walk.nodes import OFFSET, ONE, SHIFT, Run

#: Most items of one run: as many as a slice may have to decode too many of at its start.
MOST = 25
_NEXT_TEXT = bytes([op.MEMOIZE, op.SHORT_BINUNICODE])
#: References are checked together, so more of them at a time pay.
_MAX_REFERENCES = 1024
#: Runs of texts found at a time: a batch of most writers has 1,000 items.
_MAX_RUNS = 40
#: Texts longer than this cost more to skip than their opcodes do.
_LONGEST = 128
_LONG = 5


@lru_cache(maxsize=1)
def patterns() -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Recognise runs of memoized short ASCII texts, of long references, of lists of those; and one such list."""
    one = rb"\]\x94\((?:j.{4}){2,}" + POSSESSIVE + b"e"
    texts = re.compile(rb"(?:\x8c" + _short_text() + rb"\x94){1,%d}" % MOST + POSSESSIVE, re.DOTALL)
    references = re.compile(rb"(?:j.{4}|h.){2,%d}" % _MAX_REFERENCES + POSSESSIVE, re.DOTALL)
    lists = re.compile(rb"(?:" + one + rb"){1,%d}" % _MAX_REFERENCES + POSSESSIVE, re.DOTALL)
    return texts, references, lists, re.compile(one, re.DOTALL)


def _short_text() -> bytes:
    """Return a length byte and as many ASCII bytes: alternatives found in two steps by the regex engine."""
    groups = []
    for high in range(0, _LONGEST, 16):
        lengths = b"|".join(_byte(number) + rb"[\x00-\x7f]{%d}" % number for number in range(high, high + 16))
        groups.append(rb"(?=[" + _byte(high) + rb"-" + _byte(high + 15) + rb"])(?:" + lengths + rb")")
    return rb"(?:" + rb"|".join(groups) + rb")"


def _byte(number: int) -> bytes:
    return b"\\x%02x" % number


class AlikeRuns:
    """Skips runs of alike items and notes their references.

    Args:
        memo: The walker's memo.
        gets: Where to note references to the memo.
    """

    def __init__(self, memo: Memo, gets: array[int]) -> None:
        self._memo, self._gets = memo, gets
        self._texts, self._references, self._lists, self._list = patterns()
        self.referred = 0

    def runs(self, buf: bytes, pos: int, stop: int, here: int) -> list[Run]:
        """Return the runs that begin at ``pos`` and end before ``stop``; ``here + pos`` is the address of the first.

        ``self.referred`` is then what they refer to elsewhere, in bytes. None if there is no run, or one that needs
        a closer look.
        """
        self.referred = 0
        code = buf[pos]
        if code == op.SHORT_BINUNICODE:
            return self._runs_of_texts(buf, pos, stop, here)
        if code == op.LONG_BINGET or code == op.BINGET:
            return self._runs_of_references(buf, pos, stop, here)
        return self._run_of_lists(buf, pos, stop, here)

    def _runs_of_texts(self, buf: bytes, pos: int, stop: int, here: int) -> list[Run]:
        runs: list[Run] = []
        while len(runs) < _MAX_RUNS and (found := self._texts.match(buf, pos, stop)) is not None:
            end = found.end()
            # Texts are ASCII here, so these two bytes are together only where one text ends and another begins.
            count = buf.count(_NEXT_TEXT, pos, end) + 1
            runs.append(Run(here + pos, count, (here & OFFSET) + end, count))
            here, pos = here + count * ONE, end
        return runs

    def _runs_of_references(self, buf: bytes, pos: int, stop: int, here: int) -> list[Run]:
        found = self._references.match(buf, pos, stop)
        if found is None:
            return []
        places = _places(buf, pos, found.end())
        if self._note(buf[pos : found.end()], places, pos, here & OFFSET) is None:
            return []
        return _runs_of(here, [*places[::MOST].tolist(), found.end()], len(places), 0)

    def _run_of_lists(self, buf: bytes, pos: int, stop: int, here: int) -> list[Run]:
        found = self._lists.match(buf, pos, stop)
        if found is None:
            return []
        end = found.end()
        ends = np.array([one.end() for one in self._list.finditer(buf, pos, end)])
        starts = np.concatenate(([pos], ends[:-1]))
        counts = (ends - starts - 4) // _LONG
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        weight = self._note(buf[pos:end], np.repeat(starts + 3, counts) + _LONG * within, pos, here & OFFSET)
        if weight is None:
            return []
        heaviest = int(np.add.reduceat(weight, np.cumsum(counts) - counts).max()) + int((ends - starts).max())
        codes = bytes([CONTAINER + heaviest.bit_length()]) * len(ends)
        self._memo.fill(here + pos >> SHIFT)
        self._memo.codes += codes
        return _runs_of(here, [*starts[::MOST].tolist(), end], len(ends), 1)

    def _note(self, data: bytes, places: np.ndarray, pos: int, base: int) -> np.ndarray | None:
        """Check and note the references at ``places``; return what each refers to, in bytes."""
        raw = np.frombuffer(data, np.uint8)
        at = places - pos
        index = raw[at + 1].astype(np.int64)
        long = raw[at] == op.LONG_BINGET
        more = at[long] + 2
        index[long] |= (
            raw[more].astype(np.int64) << 8
            | raw[more + 1].astype(np.int64) << 16
            | raw[more + 2].astype(np.int64) << 24
        )
        if int(index.max()) >= len(self._memo.codes):
            return None
        codes = np.frombuffer(self._memo.codes, np.uint8)[index]
        if int(codes.max()) > SCALAR:
            return None
        self._note_roots(index)
        self._gets.frombytes((places + base).astype(np.uint64).tobytes())
        weight: np.ndarray = np.left_shift(1, codes.astype(np.int64))
        self.referred = int(weight.sum())
        return weight

    def _note_roots(self, index: np.ndarray) -> None:
        kept, lowest = self._memo.kept, int(index.min())
        if len(kept) > len(index) or any(number >= lowest for number in kept):
            self._memo.roots.update(kept.keys() & set(index.tolist()))


def _runs_of(here: int, firsts: list[int], count: int, memos: int) -> list[Run]:
    """Return ``count`` items as runs that begin at ``firsts`` (the last is the end); each makes ``memos`` entries."""
    base, runs = here & OFFSET, []
    for number, (first, end) in enumerate(pairwise(firsts)):
        size = min(MOST, count - number * MOST)
        address = here + first + (number * MOST * memos << SHIFT)
        runs.append(Run(address, size, base + end, size * memos))
    return runs


def _places(buf: bytes, pos: int, end: int) -> np.ndarray:
    """Return where the references between ``pos`` and ``end`` are."""
    places = np.arange(pos, end, _LONG)
    if bool((np.frombuffer(buf, np.uint8)[places] == op.LONG_BINGET).all()) and (end - pos) % _LONG == 0:
        # The first is long, so the second is where we look, and so on: all are.
        return places
    walked = []
    while pos < end:
        walked.append(pos)
        pos += _LONG if buf[pos] == op.LONG_BINGET else 2
    return np.array(walked)


def run_addresses(run: Run, data: bytes) -> list[int]:
    """Return the addresses of a run's items, whose bytes are ``data``."""
    addresses, pos, address = [], 0, run.address
    while pos < len(data):
        addresses.append(address + pos)
        if data[pos] == op.SHORT_BINUNICODE:
            pos += 3 + data[pos + 1]
        elif data[pos] == op.LONG_BINGET or data[pos] == op.BINGET:
            pos += _LONG if data[pos] == op.LONG_BINGET else 2
            continue
        else:
            pos += 3
            while data[pos] == op.LONG_BINGET:
                pos += _LONG
            pos += 1
        address += ONE
    return addresses
