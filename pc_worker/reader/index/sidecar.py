"""Keeps an index next to others in the spool, so that every worker can use it; a damaged one is simply made again."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pc_worker.reader.files.written import written
from pc_worker.reader.index import skeleton
from pc_worker.reader.index.layout import Layout, Listing, PickleLayout, longs
from pc_worker.reader.pickle.forms import Form

#: Changes with every change of what an index holds or how it is written.
VERSION = 12
_MAGIC = b"PCWINDEX"
_HEAD = 8 + 8 + 4


@dataclass(frozen=True, slots=True)
class ColumnNote:
    """What the index says of a column: see ``table.Column``."""

    name: str
    kind: str
    dimension: int | None


@dataclass(frozen=True, slots=True)
class Notes:
    """What an index says besides the layout: what file it is of, in what format, and what was seen of its columns.

    ``copies`` is how the copies that were made together with it are called in the spool.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str
    copies: str
    format: str
    columns: tuple[ColumnNote, ...]
    details: Mapping[str, str]


class Damaged(Exception):
    """The sidecar is not one, or not whole, or of another version."""


def save(path: Path, layout: Layout, notes: Notes) -> None:
    """Write an index to ``path``, whole or not at all; the last of several writers wins.

    Raises:
        OSError: If the spool cannot be written.
    """
    blobs: list[bytes] = []
    header = {"version": VERSION, "notes": asdict(notes), "layout": _layout_json(layout, blobs)}
    header["blobs"] = [len(blob) for blob in blobs]
    text = json.dumps(header, ensure_ascii=True, allow_nan=False).encode("ascii")
    check = zlib.crc32(text)
    for blob in blobs:
        check = zlib.crc32(blob, check)
    head = _MAGIC + len(text).to_bytes(8, "little") + check.to_bytes(4, "little")
    with written(path, prefix=f"{path.stem}-{notes.copies}.") as file:
        file.writelines([head, text, *blobs])


def load(path: Path) -> tuple[Layout, Notes]:
    """Return the index at ``path``.

    Raises:
        Damaged: If it cannot be used and must be made again.
        FileNotFoundError: If there is none.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[8:16], "little")
    body = memoryview(data)[_HEAD:]
    if data[:8] != _MAGIC or zlib.crc32(body) != int.from_bytes(data[16:_HEAD], "little"):
        raise Damaged
    try:
        header = json.loads(bytes(body[:length]))
        if header["version"] != VERSION:
            raise Damaged
        return _layout_of(header["layout"], _blobs(header["blobs"], body[length:])), _notes_of(header["notes"])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Damaged from error


def _notes_of(value: dict[str, Any]) -> Notes:
    columns = tuple(ColumnNote(**column) for column in value.pop("columns"))
    return Notes(**value, columns=columns)


def _blobs(lengths: list[int], body: memoryview) -> list[bytes]:
    blobs, at = [], 0
    for length in lengths:
        blobs.append(bytes(body[at : at + length]))
        at += length
    return blobs


def _put(blobs: list[bytes], value: array[int] | bytes) -> int:
    blobs.append(value if isinstance(value, bytes) else value.tobytes())
    return len(blobs) - 1


def _longs(blob: bytes) -> array[int]:
    values = longs()
    values.frombytes(blob)
    return values


def _layout_json(layout: Layout, blobs: list[bytes]) -> dict[str, Any]:
    writer = skeleton.SkeletonWriter()
    parts = [
        {
            "tree": writer.write(part.tree),
            "roots": _put(blobs, part.roots),
            "lists": [writer.number(listing) for listing in part.lists],
            "forms": [writer.write_all((f.head, f.middle, f.tail, f.made, f.own)) for f in part.forms],
        }
        for part in layout.parts
    ]
    rows = None if layout.rows is None else writer.number(layout.rows)
    lists = [_listing_json(listing, blobs, writer) for listing in writer.lists]
    places = [_put(blobs, values) for values in (layout.frames, layout.gets, layout.specials)]
    return {
        "parts": parts,
        "rows": rows,
        "lists": lists,
        "places": places,
        "protocol": layout.protocol,
        "names": list(layout.names),
    }


def _listing_json(listing: Listing, blobs: list[bytes], writer: skeleton.SkeletonWriter) -> dict[str, Any]:
    return {
        "numbers": [listing.count, listing.end, listing.memo_end, listing.dicts, listing.part],
        "left_open": listing.left_open,
        "keys": writer.write_all(listing.keys),
        "blobs": [
            _put(blobs, listing.firsts),
            _put(blobs, listing.offsets),
            _put(blobs, listing.memos),
            _put(blobs, listing.batched),
        ],
    }


def _layout_of(value: dict[str, Any], blobs: list[bytes]) -> Layout:
    lists = [_listing_of(item, blobs) for item in value["lists"]]
    parts = [
        PickleLayout(
            skeleton.read(part["tree"], lists),
            _longs(blobs[part["roots"]]),
            [lists[number] for number in part["lists"]],
            tuple(Form(*(skeleton.read(value, []) for value in form)) for form in part["forms"]),
        )
        for part in value["parts"]
    ]
    rows = None if value["rows"] is None else lists[value["rows"]]
    frames, gets, specials = (_longs(blobs[number]) for number in value["places"])
    return Layout(parts, rows, frames, gets, specials, value["protocol"], tuple(value["names"]))


def _listing_of(value: dict[str, Any], blobs: list[bytes]) -> Listing:
    count, end, memo_end, dicts, part = value["numbers"]
    firsts, offsets, memos, batched = (blobs[number] for number in value["blobs"])
    keys = tuple(skeleton.read(key, []) for key in value["keys"])
    marks = _longs(firsts), _longs(offsets), _longs(memos)
    return Listing(count, end, value["left_open"], memo_end, *marks, batched, keys, dicts, part)
