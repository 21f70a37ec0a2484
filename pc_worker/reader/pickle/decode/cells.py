"""Reads slices of lists: only the requested segment of the file is read, and only its items are decoded."""

from __future__ import annotations

import io
import pickle
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Any, NoReturn

import numpy as np

from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.files.source import Source
from pc_worker.reader.index.layout import OF_PICKLES, Layout, Listing, PickleLayout
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.decoder import Decoder
from pc_worker.reader.pickle.decode.references import all_long, references
from pc_worker.reader.pickle.decode.vectors import decode_arrays

#: Memo entries found again and kept at hand, and their bytes in the file, about; one segment may have more of those.
_REMEMBERED, _REMEMBERED_BYTES = 100_000, 16 << 20
_MAX_SEGMENT = 64 << 20
_PERSID_STEP = 8
#: Bytes decoded at a time.
_PIECE = 1 << 19
#: Items of this many bytes are decoded one by one: the C unpickler would copy each of them twice more.
_LARGE = 4096


_FRAME = bytes([op.FRAME])


class CellDecoder:
    """Decodes items of the lists of one file.

    Args:
        source: The file.
        layout: Its index.
    """

    def __init__(self, source: Source, layout: Layout) -> None:
        self._source, self._layout = source, layout
        self._memos = [_MemoOf(self, part, number) for number, part in enumerate(layout.parts)]

    def items(self, listing: Listing, start: int, stop: int) -> list[Any]:
        """Return items ``start`` up to ``stop`` of ``listing``."""
        if start >= stop:
            return []
        first = bisect_right(listing.firsts, start) - 1
        last = bisect_left(listing.firsts, stop)
        found: list[Any] = []
        while first < last:
            upto = self._piece_end(listing, first, last)
            skip = max(0, start - listing.firsts[first])
            found += self._batch(listing, first, upto)[skip : stop - listing.firsts[first]]
            first = upto
        return found

    def _piece_end(self, listing: Listing, first: int, last: int) -> int:
        """Return the mark up to which to read at once: large items in parts that stay in the processor's cache."""
        most = listing.offsets[first] + _PIECE
        end = listing.offsets[last] if last < len(listing.offsets) else listing.end
        return last if end <= most else max(first + 1, bisect_right(listing.offsets, most, first, last) - 1)

    def extent(self, listing: Listing, start: int, stop: int) -> tuple[int, int]:
        """Return from where up to where the file is read for items ``start`` up to ``stop``."""
        if start >= stop:
            return 0, 0
        last = bisect_left(listing.firsts, stop)
        end = listing.offsets[last] if last < len(listing.offsets) else listing.end
        return listing.offsets[bisect_right(listing.firsts, start) - 1], end

    def _batch(self, listing: Listing, first: int, last: int) -> list[Any]:
        """Return the items from one mark to another."""
        begin, end = listing.offsets[first], listing.end
        if listing.part == OF_PICKLES:
            end = listing.offsets[last] if last < len(listing.offsets) else end
            return Decoder(self._source.read(begin, end - begin), 0, self._no_memo, in_batch=False).run()
        closing = b"e." if listing.left_open else b"."
        if last < len(listing.offsets):
            end = listing.offsets[last]
            closing = b"e." if listing.batched[last] else b"."
        in_batch = bool(listing.batched[first])
        items = (listing.firsts[last] if last < len(listing.firsts) else listing.count) - listing.firsts[first]
        if self._plain(begin, end):
            if end - begin < _LARGE * items:
                return self._fast(listing, first, begin, end, b"](" if in_batch else b"]", closing)
            data = self._source.read(begin, end - begin)
            return Decoder(data, listing.memos[first], self._memos[listing.part].value, in_batch=in_batch).run()
        decoder = self.decoder(listing.part, begin, end, listing.memos[first], in_batch=in_batch)
        return decode_arrays(decoder, self._layout.parts[listing.part].forms)

    def _no_memo(self, index: int) -> Any:
        raise broken(f"the memo entry {index} is not where the index says")

    def decoder(self, part: int, begin: int, end: int, memos: int, *, in_batch: bool) -> Decoder:
        """Return a decoder for the bytes from ``begin`` to ``end``, before which ``memos`` entries were made."""
        data = self._without_frames(self._source.read(begin, end - begin), begin)
        return Decoder(data, memos, self._memos[part].value, in_batch=in_batch)

    def _plain(self, begin: int, end: int) -> bool:
        """Return whether the walk has proved that no name, call or state is between ``begin`` and ``end``."""
        specials = self._layout.specials
        place = bisect_right(specials, begin)
        inside = place % 2 == 1 or (place < len(specials) and specials[place] < end)
        return not inside and self._layout.protocol >= 4

    def _fast(self, listing: Listing, first: int, begin: int, end: int, opening: bytes, closing: bytes) -> list[Any]:
        """Decode a plain segment with the C unpickler, to which every name is refused."""
        data = self._source.read(begin, end - begin)
        gets = self._layout.gets
        low, high = bisect_left(gets, begin), bisect_left(gets, end)
        values: list[Any] = []
        if low < high:
            if (numbers := all_long(data, high - low)) is not None and max(numbers) < listing.memos[first]:
                return self._memos[listing.part].values(numbers)
            found = references(data, np.frombuffer(gets[low:high], dtype=np.uint64).astype(np.int64) - begin)
            if found.are_all(data) and int(found.index.max()) < listing.memos[first]:
                return self._memos[listing.part].values(found.index.tolist())
            if (lengths := found.lists(data)) is not None and int(found.index.max()) < listing.memos[first]:
                values = self._memos[listing.part].values(found.index.tolist())
                return [values[end - length : end] for end, length in zip(accumulate(lengths), lengths, strict=True)]
            data, wanted = found.renumbered(data, listing.memos[first])
            values = self._memos[listing.part].values(wanted)
        stream = (_preset(len(values)), opening, self._without_frames(data, begin), closing)
        # The unpickler reads a frame at once; without one it calls its file for each opcode.
        frame = _FRAME + sum(map(len, stream)).to_bytes(8, "little")
        unpickler = _Nameless(io.BytesIO(b"".join((frame, *stream))))
        unpickler.persistent_load = values.__getitem__  # type: ignore[method-assign]  # called without a frame of Python
        return unpickler.load()  # type: ignore[no-any-return]  # a list, by its first opcode

    def _without_frames(self, data: bytes, begin: int) -> bytes:
        frames = self._layout.frames
        low, high = bisect_left(frames, begin), bisect_left(frames, begin + len(data))
        if low == high:
            return data
        pieces, at = [], 0
        for frame in frames[low:high]:
            pieces.append(data[at : frame - begin])
            at = frame - begin + 9
        pieces.append(data[at:])
        return b"".join(pieces)


class _Nameless(pickle.Unpickler):
    """Returns plain values only: names are refused, persistent ids are our own."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise unsafe(f"the name {module}.{name} stands where only plain values were found before")


def _presets(count: int) -> bytes:
    """Return opcodes that put ``count`` values, known by number, into the first memo entries."""
    put = bytes([op.BINPERSID, op.MEMOIZE, op.POP])
    return b"".join(b"J" + number.to_bytes(4, "little") + put for number in range(count))


_PRESETS = _presets(1024)


def _preset(count: int) -> bytes:
    return _PRESETS[: count * _PERSID_STEP] if count <= 1024 else _presets(count)


class _MemoOf:
    """Finds the memo entries of one pickle again."""

    def __init__(self, cells: CellDecoder, part: PickleLayout, number: int) -> None:
        self._cells, self._part, self._number = cells, part, number
        rows = [part.roots[at : at + 4] for at in range(0, len(part.roots), 4)]
        self._roots = {index: (begin, memos, end) for index, begin, memos, end in rows}
        self._starts = [listing.memos[0] if listing.memos else 0 for listing in part.lists]
        self._found: dict[int, Any] = {}
        self._found_bytes = 0

    def values(self, indexes: list[int]) -> list[Any]:
        """Return the values of entries ``indexes``."""
        try:
            return [self._found[index] for index in indexes]
        except KeyError:
            return [self.value(index) for index in indexes]

    def value(self, index: int) -> Any:
        """Return the value of entry ``index``."""
        if index in self._found:
            return self._found[index]
        begin, memos, end, in_batch = self._place(index)
        if end - begin > _MAX_SEGMENT:
            raise over_limit("a cell refers to a value that lies in too large a cell", begin)
        decoder = self._cells.decoder(self._number, begin, end, memos, in_batch=in_batch)
        items = decoder.run()
        self._make_room(end - begin)
        if index in self._roots:
            self._found[index] = items[0]
        else:
            self._found.update(enumerate(decoder.memo, memos))
        if index not in self._found:
            raise broken(f"the memo entry {index} is not where the index says", begin)
        return self._found[index]

    def _make_room(self, length: int) -> None:
        if len(self._found) > _REMEMBERED or self._found_bytes + length > _REMEMBERED_BYTES:
            self._found.clear()
            self._found_bytes = 0
        self._found_bytes += length

    def _place(self, index: int) -> tuple[int, int, int, bool]:
        """Return where to decode to find ``index``: begin, memo entries before it, end, whether in a batch."""
        if index in self._roots:
            return (*self._roots[index], False)
        place = bisect_right(self._starts, index) - 1
        if place < 0 or index >= self._part.lists[place].memo_end:
            raise broken(f"the memo entry {index} is not where the index says")
        listing = self._part.lists[place]
        mark = bisect_right(listing.memos, index) - 1
        end = listing.offsets[mark + 1] if mark + 1 < len(listing.offsets) else listing.end
        return listing.offsets[mark], listing.memos[mark], end, bool(listing.batched[mark])
