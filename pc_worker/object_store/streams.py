"""Finds the sequential readers among the reads of an object, and how far ahead to fetch for each.

A table that is stored by columns is read at as many places in turn as it has columns: each place is one stream.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

#: Bytes between two reads up to which they are of one stream; longer reads reach as far as they are long.
_NEAR = 16 << 10
#: The first window of a stream, as a multiple of what was read; it doubles with each further read.
_FIRST = 4
_MAX_STREAMS = 4096
#: Streams after one that are looked at to find where it ends.
_NEXT = 4


@dataclass(slots=True)
class ReadStream:
    """Reads of which each goes on where the one before it ended.

    Attributes:
        origin: Where the first read began.
        start: Where the last read began.
        end: Where it ended.
        turn: When it was read, counted in changes from one stream to another.
        others: Changes from its last read but one to its last: about how many streams are read in turn.
        window: Bytes to fetch at a time ahead of it; 0 = it is not known to go on.
        limit: Where the next stream began that is read in turn with it: it most likely ends there.
    """

    origin: int
    start: int
    end: int
    turn: int
    others: int = 1
    window: int = 0
    limit: int | None = None


class ReadStreams:
    """The streams of one object.

    Args:
        ahead: Bytes that may be ahead of all streams together.
        most: Bytes of one window at most.
    """

    def __init__(self, *, ahead: int, most: int) -> None:
        self._ahead, self._most = ahead, most
        self._streams: list[ReadStream] = []
        self._last: ReadStream | None = None
        self._turn = 0

    def follow(self, start: int, end: int) -> ReadStream:
        """Return the stream of a read, which has moved on to it."""
        stream = self._near(start, end) or self._begun(start, end)
        if stream is not self._last:
            self._turn += 1
            stream.others = max(1, self._turn - stream.turn)
            stream.limit = self._limit(stream)
            self._last = stream
        stream.turn = self._turn
        if end > stream.end:
            self._move(stream, start, end)
        return stream

    def _limit(self, stream: ReadStream) -> int | None:
        after = self._place(stream) + 1
        begun = (each.origin for each in self._streams[after : after + _NEXT] if each.turn > stream.turn)
        return next((origin for origin in begun if origin >= stream.end), None)

    def _near(self, start: int, end: int) -> ReadStream | None:
        """Return the stream in whose last read this one begins, or the nearest that may continue with it."""
        reach = max(end - start, _NEAR)
        place = bisect_left(self._streams, start, key=_end)
        if place < len(self._streams) and self._streams[place].start <= start + reach:
            return self._streams[place]
        if place and self._streams[place - 1].end + reach >= start:
            return self._streams[place - 1]
        return None

    def _begun(self, start: int, end: int) -> ReadStream:
        if len(self._streams) >= _MAX_STREAMS:
            self._streams.remove(min(self._streams, key=lambda stream: stream.turn))
        stream = ReadStream(start, start, end, self._turn)
        insort(self._streams, stream, key=_end)
        return stream

    def _move(self, stream: ReadStream, start: int, end: int) -> None:
        if 2 * (end - stream.end) >= end - start:
            most = min(self._most, self._ahead // (3 * stream.others))
            stream.window = min(most, max(2 * stream.window, _FIRST * (end - start)))
        self._streams.pop(self._place(stream))
        stream.start, stream.end = start, end
        insort(self._streams, stream, key=_end)

    def _place(self, stream: ReadStream) -> int:
        place = bisect_left(self._streams, stream.end, key=_end)
        while self._streams[place] is not stream:
            place += 1
        return place


def _end(stream: ReadStream) -> int:
    return stream.end
