"""The unpacked sizes of the batches of an Arrow file or stream, before any is unpacked: pyarrow unpacks a batch whole.

Each compressed buffer of a batch begins with its length when unpacked. Where the buffers lie is in the message's
metadata, a FlatBuffers table; of Arrow's ``Message.fbs`` and ``File.fbs`` only the fields that show this are read.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pc_worker.reader.errors import Rejected, broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.base import Opening

_CONTINUES = b"\xff\xff\xff\xff"
_FILE_END = b"ARROW1"
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
#: Numbers of fields, in the order of Arrow's schema files.
_KIND, _HEADER, _BODY_LENGTH = 1, 2, 3
_BUFFERS, _COMPRESSION, _DATA = 2, 3, 1
_FOOTER_DICTIONARIES, _FOOTER_BATCHES = 2, 3
#: How version 0.17 of Arrow stated that a batch is compressed.
_FORMER = b"ARROW:experimental_compression"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: where it begins, its metadata, where its body begins."""

    offset: int
    metadata: bytes
    body: int


def check_file(opening: Opening) -> None:
    """Check what each batch of an Arrow file, and all its dictionaries, unpack to.

    Raises:
        Rejected: If that is over the limits, or the file is damaged.
    """
    listed = _check(_of_file(opening.content), opening)
    if _batches_after_each_other(opening.content) > listed:
        raise broken("the Arrow file's footer does not list all of its batches: copy it again, or export it again")


def check_stream(opening: Opening) -> None:
    """Check what each batch of an Arrow stream, and all its dictionaries, unpack to.

    Raises:
        Rejected: If that is over the limits, or the stream is damaged.
    """
    _check(_of_stream(opening.content), opening)


def is_schema(metadata: bytes) -> bool:
    """Return whether this is how the metadata of a message with a schema begins."""
    try:
        root = _reference(metadata, 0)
        at = _field(metadata, root, _KIND)
        return bool(at) and metadata[at] == _SCHEMA and 0 < _table(metadata, root, _HEADER) < len(metadata)
    except (struct.error, IndexError):
        return False


def _batches_after_each_other(content: Source) -> int:
    """Return how many batches are found from the start of an Arrow file on, which is a stream up to its footer."""
    count = 0
    with contextlib.suppress(Rejected, struct.error, IndexError):
        for message in _of_stream(content, len(_FILE_END) + 2):
            root = _reference(message.metadata, 0)
            at = _field(message.metadata, root, _KIND)
            count += bool(at) and message.metadata[at] == _BATCH
    return count


def _check(messages: Iterator[Message], opening: Opening) -> int:
    """Check what the messages unpack to, and return how many are batches."""
    words, batches, limits = 0, 0, opening.limits
    most = min(limits.output_bytes, max(limits.ratio_free_bytes, limits.ratio * opening.source.size))
    for message in messages:
        try:
            kind, size = _unpacked(message, opening.content)
        except (struct.error, IndexError) as error:
            raise _damaged(message.offset) from error
        words += size if kind == _DICTIONARY else 0
        batches += kind == _BATCH
        if size + words > most:
            reason = f"a batch unpacks to {size} bytes, and {most} are allowed for an Arrow file of this size"
            raise over_limit(f"{reason}: write it in smaller batches, or without compression", message.offset)
    return batches


def _damaged(offset: int) -> Rejected:
    return broken("the Arrow file is damaged or cut short: copy it again, or export it again", offset)


def _unpacked(message: Message, content: Source) -> tuple[int, int]:
    """Return the kind of a message, and the bytes that its compressed buffers say they unpack to."""
    data = message.metadata
    root = _reference(data, 0)
    kind = data[at] if (at := _field(data, root, _KIND)) else 0
    if kind not in (_DICTIONARY, _BATCH):
        return kind, 0
    batch = _table(data, root, _HEADER)
    if kind == _DICTIONARY:
        batch = _table(data, batch, _DATA)
    if not _field(data, batch, _COMPRESSION) and _FORMER not in data:
        return kind, 0
    size = 0
    for offset, length in _structs(data, batch, _BUFFERS, "<qq"):
        if length >= 8:
            size += max(0, *struct.unpack("<q", content.read(message.body + offset, 8)))
    return kind, size


def _of_stream(content: Source, offset: int = 0) -> Iterator[Message]:
    while offset + 4 <= content.size and (message := _message(content, offset)):
        yield message
        try:
            length = _body_length(message.metadata)
        except (struct.error, IndexError) as error:
            raise _damaged(offset) from error
        if length < 0:
            raise _damaged(offset)
        offset = message.body + length
    if offset + 4 > content.size:
        raise broken(
            "the Arrow stream has no end mark: it is cut short, or its writer was not closed; export it again", offset
        )


def _body_length(metadata: bytes) -> int:
    at = _field(metadata, _reference(metadata, 0), _BODY_LENGTH)
    return int(struct.unpack_from("<q", metadata, at)[0]) if at else 0


def _of_file(content: Source) -> Iterator[Message]:
    end = content.size - len(_FILE_END) - 4
    length = struct.unpack("<i", content.read(end, 4))[0]
    if not 0 < length <= end:
        raise _damaged(end)
    footer = content.read(end - length, length)
    try:
        root = _reference(footer, 0)
        blocks = [*_structs(footer, root, _FOOTER_DICTIONARIES, "<qi4xq")]
        blocks += _structs(footer, root, _FOOTER_BATCHES, "<qi4xq")
    except (struct.error, IndexError) as error:
        raise _damaged(end - length) from error
    for offset, _, _ in blocks:
        if message := _message(content, offset):
            yield message


def _message(content: Source, offset: int) -> Message | None:
    """Return the message at ``offset``, None at the end mark."""
    begin, place = content.read(offset, 4), offset + 4
    if begin == _CONTINUES:  # before version 0.15 the length came first
        begin, place = content.read(place, 4), place + 4
    length = struct.unpack("<i", begin)[0]
    if length < 0:
        raise _damaged(offset)
    return Message(offset, content.read(place, length), place + length) if length else None


def _reference(data: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Return where a field of the table at ``table`` is, 0 if it is left out."""
    names = table - struct.unpack_from("<i", data, table)[0]
    slot = 4 + 2 * number
    if names < 0:
        raise IndexError(names)
    if slot + 2 > struct.unpack_from("<H", data, names)[0]:
        return 0
    found = struct.unpack_from("<H", data, names + slot)[0]
    return table + int(found) if found else 0


def _table(data: bytes, table: int, number: int) -> int:
    """Return where the table in a field is.

    Raises:
        IndexError: If it is left out.
    """
    at = _field(data, table, number)
    if not at:
        raise IndexError(number)
    return _reference(data, at)


def _structs(data: bytes, table: int, number: int, form: str) -> Iterator[tuple[int, ...]]:
    """Yield the structs of ``form`` of which a field holds a list."""
    at = _field(data, table, number)
    if not at:
        return
    begin = _reference(data, at)
    count, size = struct.unpack_from("<I", data, begin)[0], struct.calcsize(form)
    if begin + 4 + count * size > len(data):
        raise IndexError(count)
    yield from struct.iter_unpack(form, data[begin + 4 : begin + 4 + count * size])
