"""Where the opcodes lie that a slice of the file needs to know."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

#: Bytes between two segments of specials that are joined to one.
_NEAR = 256


@dataclass(slots=True)
class Places:
    """Where things lie that slices need to know of: byte offsets, each list ascending.

    Attributes:
        frames: FRAME opcodes.
        gets: Opcodes that refer to the memo.
        specials: Pairs (first, last) around the opcodes that make names, calls or states.
    """

    frames: array[int] = field(default_factory=lambda: array("Q"))
    gets: array[int] = field(default_factory=lambda: array("Q"))
    specials: array[int] = field(default_factory=lambda: array("Q"))

    def add_special(self, first: int, last: int) -> None:
        """Note a segment after all others; one that begins near the end of the last is joined to it."""
        places = self.specials
        if places and first <= places[-1] + _NEAR:
            places[-1] = last
        else:
            places.extend((first, last))

    def cut(self, offset: int) -> None:
        """Forget what is at ``offset`` or later."""
        for places in (self.frames, self.gets):
            while places and places[-1] >= offset:
                places.pop()
        while self.specials and self.specials[-2] >= offset:
            del self.specials[-2:]
