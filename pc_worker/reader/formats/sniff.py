"""Detects what a file is by its content; its name breaks ties and never more."""

from __future__ import annotations

import pickletools
import re
from typing import IO, cast

from pc_worker.reader.errors import not_a_table
from pc_worker.reader.formats.arrow_messages import is_schema
from pc_worker.reader.formats.base import Format, Packing
from pc_worker.reader.formats.foreign import foreign
from pc_worker.reader.formats.zipped import is_workbook, table_members
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.source import Source
from pc_worker.reader.text.dialect import decoded_sample, encoding_of

_ZSTD = b"\x28\xb5\x2f\xfd"
#: A frame that zstd and lz4 skip, with its length.
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18.{4}", re.DOTALL)
_MOST_SKIPPABLE = 16
_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", Packing.GZIP),
    (b"BZh", Packing.BZ2),
    (b"\xfd7zXZ\x00", Packing.XZ),
    (_ZSTD, Packing.ZSTD),
    (b"PK\x03\x04", Packing.ZIP),
    (b"PK\x05\x06", Packing.ZIP),  # without a member
)
_TABLES: tuple[tuple[bytes, Format], ...] = (
    (b"PAR1", Format.PARQUET),
    (b"ARROW1\x00\x00", Format.ARROW_FILE),
    (b"ORC", Format.ORC),
)
_HEAD = 1 << 16
#: What protocols 0 and 1 begin with where the file holds a frame, a list, a dict or a call.
_OLD_STARTS = frozenset({op.MARK, op.EMPTY_LIST, op.EMPTY_DICT, op.GLOBAL})
_PICKLE_HEAD = 2048
_DOTTED = re.compile(r"[^\W\d][\w.]*( [^\W\d][\w.]*)?")
#: Opcodes that a text would have to spell by accident to be taken for a pickle.
_ENOUGH_OPCODES = 6
_RAN_OUT = re.compile("exhausted|expected .* bytes|only .* remain|no newline found|not enough data")


def packing_of(source: Source) -> Packing | None:
    """Return how ``source`` is compressed, None if it is not."""
    head = source.read(0, min(8, source.size))
    if _SKIPPABLE.match(head):
        head = _after_skippable(source)
    packing = next((packing for magic, packing in _PACKINGS if head.startswith(magic)), None)
    return None if packing is Packing.ZIP and _zip_format(source) is not None else packing


def _after_skippable(source: Source) -> bytes:
    """Return what follows frames that zstd skips, with which files of parallel zstd begin; nothing after too many."""
    at = 0
    for _ in range(_MOST_SKIPPABLE):
        head = source.read(at, min(8, source.size - at))
        if not _SKIPPABLE.match(head):
            return head if head.startswith(_ZSTD) else b""
        at = min(source.size, at + 8 + int.from_bytes(head[4:8], "little"))
    return b""


def _zip_format(source: Source) -> Format | None:
    """Return the format of a zip archive that is not just one file packed."""
    if is_workbook(source):
        return Format.EXCEL
    return Format.ZIPPED if len(table_members(source)) > 1 else None


def format_of(content: Source, options: ReadOptions) -> Format:
    """Return what ``content`` holds.

    Raises:
        Refused: If it is empty, or nothing that is read; by its name where that is known.
    """
    head = content.read(0, min(_HEAD, content.size))
    if not head:
        raise not_a_table("the file is empty")
    for magic, kind in _TABLES:
        if head.startswith(magic):
            return kind
    if _is_arrow_stream(head):
        return Format.ARROW_STREAM
    zipped = _zip_format(content) if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) else None
    if zipped is not None:
        return zipped
    refusal = foreign(head)
    if refusal is not None:
        raise refusal
    if is_pickle(head):
        return Format.PICKLE
    return _text_format(head, options, whole=len(head) == content.size)


def _is_arrow_stream(head: bytes) -> bool:
    """Return whether this is a message of Arrow's stream format: a mark, the length of a schema, and the schema.

    Before version 0.15 there was no mark: the message itself must be one of a schema then.
    """
    if head.startswith(b"\xff\xff\xff\xff"):
        length = int.from_bytes(head[4:8], "little", signed=True)
        return 16 <= length < 1 << 28 and length % 8 == 0
    length = int.from_bytes(head[:4], "little", signed=True)
    return 16 <= length < 1 << 28 and length % 4 == 0 and is_schema(head[4 : 4 + length])


def _text_format(head: bytes, options: ReadOptions, *, whole: bool) -> Format:
    found = encoding_of(head, options)
    text = decoded_sample(head, found.encoding, whole=whole)
    if is_binary(text):
        raise not_a_table("the file is binary, and of no format that is known")
    start = text.lstrip(" \t\r\n\ufeff")
    if not start:
        raise not_a_table("the file is blank")
    if options.delimiter is not None or not _JSON.match(start):
        return Format.CSV
    if found.encoding != "utf-8":
        raise not_a_table(
            f"the text is JSON in {found.encoding}, and JSON is read as UTF-8 only: convert it with iconv"
        )
    return Format.JSON_LINES if start[0] == "{" else Format.JSON_ARRAY


#: An object, or an array of anything, but no ``[section]`` of settings and no ``[2024-01-31 …]`` of a log.
_JSON = re.compile(r'\{|\[\s*(?:[\[{\]"]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*[,\]]|(?:true|false|null)\s*[,\]])')


def is_binary(text: str) -> bool:
    """Return whether more than a tenth of ``text`` is control characters; a few NULs only cost their rows."""
    controls = sum(c < " " and c not in "\t\r\n\f\x1b" for c in text) + text.count("\x7f")
    return controls * 10 > len(text)


def is_pickle(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a pickle, sound or not, and no text that begins like one."""
    if head[0] == op.PROTO:
        return len(head) > 1 and head[1] < 32 and head[1] not in b"\t\n\r"
    start = head[:_PICKLE_HEAD]
    return head[0] in _OLD_STARTS and _names_are_names(start) and _opcodes_run(start)


def _names_are_names(head: bytes) -> bool:
    try:
        for opcode, argument, _ in pickletools.genops(head):
            if opcode.name in ("GLOBAL", "INST"):
                return _DOTTED.fullmatch(str(argument)) is not None
    except ValueError:
        pass
    return True


class _Count:
    """Counts the opcodes that ``pickletools.dis`` writes, a line each."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += text.endswith("\n") or text == "\n"
        return len(text)


def _opcodes_run(head: bytes) -> bool:
    """Return whether the opcodes find what they need on the stack and in the memo; nothing is loaded or run."""
    count = _Count()
    try:
        pickletools.dis(head, cast(IO[str], count))
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        return count.lines >= (2 if _RAN_OUT.search(str(error)) else _ENOUGH_OPCODES)
    return count.lines > 1
