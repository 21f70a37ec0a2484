"""The part of a pickle file that is in memory while it is walked over."""

from __future__ import annotations

from pc_worker.reader.files.source import Source

#: Bytes read at a time. Small enough to stay in the processor's cache, large enough to make the calls rare.
WINDOW = 1 << 20
#: Every opcode with a short argument that begins before the window's last bytes is wholly in it.
SLACK = 320


class Window:
    """The bytes of the file around the walk's place, and up to where opcodes may begin in them.

    Args:
        source: The file.

    Attributes:
        size: Bytes of the file.
        base: Offset of the window's first byte.
        buf: The window.
        stop: Place in the window up to which opcodes may begin.
        limit: Place in the window where the file or the frame ends.
        frame_end: Offset of the end of the frame, or 0 outside frames.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.size = source, source.size
        self.base, self.buf, self.stop, self.limit = 0, b"", 0, 0
        self.frame_end = 0

    def set_stop(self) -> None:
        """Work out up to where opcodes may begin before the window or the frame ends."""
        length, rest = len(self.buf), self.size - self.base
        stop = rest if length >= rest + SLACK else length - SLACK
        limit = min(length, rest)
        if self.frame_end:
            inside = self.frame_end - self.base
            stop, limit = min(stop, inside), min(limit, inside)
        self.stop, self.limit = stop, limit

    def refill(self, offset: int) -> int:
        """Read the window at ``offset``, unless that is in the window already; return the place in the window."""
        if self.base <= offset and offset + SLACK < self.base + len(self.buf):
            self.set_stop()
            return offset - self.base
        length = min(WINDOW, self.size - offset)
        data = self.source.read(offset, max(length, 0))
        if offset + len(data) >= self.size:
            # Zeros are no opcode: what reads past the end is found out at the next step.
            data += bytes(SLACK)
        self.base, self.buf = offset, data
        self.set_stop()
        return 0

    def limit_of_window(self) -> int:
        """Return where the bytes of the file end in the window."""
        return min(len(self.buf), self.size - self.base)

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset`` of the file, from the window where possible."""
        start = offset - self.base
        if start >= 0 and start + length <= len(self.buf):
            return self.buf[start : start + length]
        return self.source.read(offset, min(length, self.size - offset))
