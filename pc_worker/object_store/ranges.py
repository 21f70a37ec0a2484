"""The ranges of an object that are in memory or on their way: the last used, and those ahead of sequential readers."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from pc_worker.object_store.streams import ReadStreams

#: Bytes kept of one open object of any size, those on their way included, and how many of them may be ahead of readers.
KEPT, AHEAD = 48 << 20, 40 << 20
#: Bytes of one request at most, and at least of one that nothing announced.
MOST, LEAST = 8 << 20, 32 << 10
#: Requests of one object at a time.
AT_ONCE = 8
#: Announced ranges with no more bytes than these between them are fetched as one.
_GAP = 64 << 10


@dataclass(frozen=True, slots=True)
class KeptRange:
    """Bytes ``start`` up to ``end``."""

    start: int
    end: int
    data: Future[memoryview]

    def part(self, start: int, end: int) -> memoryview:
        """Wait, and return what is in this range of bytes ``start`` up to ``end``."""
        return self.data.result()[max(start - self.start, 0) : end - self.start]

    def has_failed(self) -> bool:
        """Return whether it was not fetched: who reads it asks again."""
        return self.data.done() and (self.data.cancelled() or self.data.exception() is not None)


class KeptRanges:
    """The ranges of one object.

    Args:
        fetch: Returns the bytes from one offset up to another; called by several threads.
        size: Bytes of the object.
    """

    def __init__(self, fetch: Callable[[int, int], memoryview], size: int) -> None:
        self._fetch, self._size = fetch, size
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="object reader")
        self._lock = Lock()
        self._streams = ReadStreams(ahead=AHEAD, most=MOST)
        self._starts: list[int] = []
        #: By offset: those that may be read again, the last used last, and those that were read to their end.
        self._ranges: OrderedDict[int, KeptRange] = OrderedDict()
        self._spent: OrderedDict[int, KeptRange] = OrderedDict()
        self._bytes = 0

    def read(self, start: int, end: int) -> bytes:
        """Return bytes ``start`` up to ``end``, which are in the object; raises what ``fetch`` raises."""
        parts = [part for at in range(start, end, MOST) for part in self._parts(at, min(at + MOST, end))]
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _parts(self, start: int, end: int) -> list[memoryview]:
        with self._lock:
            ranges = self._cover(start, end, LEAST)
            for held in ranges:
                if held.end <= end and self._ranges.pop(held.start, None) is held:
                    self._spent[held.start] = held
            self._go_ahead(start, end)
        return [held.part(start, end) for held in ranges]

    def expect(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin to fetch ranges that are about to be read, as many as fit; near ones together."""
        room = AHEAD
        with self._lock:
            for start, end in _joined(ranges):
                room -= end - start
                if room < 0:
                    return
                self._cover(start, min(end, self._size), 0)
                self._go_ahead(start, end)

    def _cover(self, start: int, end: int, least: int) -> list[KeptRange]:
        """Return the ranges that hold bytes ``start`` up to ``end``, asked for where there are none."""
        found = []
        while start < end:
            held = self._at(start)
            if held is None:
                held = self._ask(start, min(max(end, start + least), start + MOST))
            elif held.start in self._ranges:
                self._ranges.move_to_end(held.start)
            found.append(held)
            start = held.end
        return found

    def _go_ahead(self, start: int, end: int) -> None:
        """Keep one to two windows on their way ahead of a sequential reader."""
        stream = self._streams.follow(start, end)
        window, limit, at = stream.window, min(stream.limit or self._size, self._size), end
        while window and at < limit and at <= end + window:
            held = self._at(at) or self._ask(at, min(at + window, limit))
            at = held.end

    def _at(self, offset: int) -> KeptRange | None:
        place = bisect_right(self._starts, offset) - 1
        if place < 0:
            return None
        start = self._starts[place]
        held = self._ranges.get(start) or self._spent[start]
        if held.has_failed():
            self._drop(held)
            return None
        return held if offset < held.end else None

    def _ask(self, start: int, end: int) -> KeptRange:
        """Ask for a range that begins where none is; it ends where the next one begins."""
        place = bisect_right(self._starts, start)
        end = min(end, self._size, self._starts[place] if place < len(self._starts) else self._size)
        self._make_room(end - start)
        held = KeptRange(start, end, self._pool.submit(self._fetch, start, end))
        insort(self._starts, start)
        self._ranges[start] = held
        self._bytes += end - start
        return held

    def _make_room(self, length: int) -> None:
        while self._bytes + length > KEPT and self._starts:
            self._drop(next(iter((self._spent or self._ranges).values())))

    def _drop(self, held: KeptRange) -> None:
        """Forget a range; who waits for it still gets it."""
        self._ranges.pop(held.start, None)
        self._spent.pop(held.start, None)
        self._starts.pop(bisect_right(self._starts, held.start) - 1)
        self._bytes -= held.end - held.start

    def held(self) -> list[KeptRange]:
        """Return the ranges that are in memory or on their way."""
        with self._lock:
            return [*self._ranges.values(), *self._spent.values()]

    def close(self) -> None:
        """End the threads, and forget what is kept."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for held in self.held():
            self._drop(held)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, near ones joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + _GAP:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        elif start < end:
            joined.append((start, end))
    return joined
