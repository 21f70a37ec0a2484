"""Detects how a file is packed, and holds the tests by which ``registry.py`` distinguishes formats by their content."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import IO, cast

from pc_worker.reader.errors import not_a_table
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.arrow_messages import is_schema
from pc_worker.reader.formats.base import Packing
from pc_worker.reader.formats.zipped import is_workbook, table_members
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.text.dialect import decoded_sample, encoding_of

#: Of an archive with members, and of one without.
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_ZSTD = b"\x28\xb5\x2f\xfd"
#: A frame that zstd and lz4 skip, with its length.
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18.{4}", re.DOTALL)
_MAX_SKIPPABLE = 16
_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", Packing.GZIP),
    (b"BZh", Packing.BZ2),
    (b"\xfd7zXZ\x00", Packing.XZ),
    (_ZSTD, Packing.ZSTD),
    *((start, Packing.ZIP) for start in _ZIP_STARTS),
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
    return None if packing is Packing.ZIP and not _holds_one_file(source) else packing


def _after_skippable(source: Source) -> bytes:
    """Return what follows frames that zstd skips, with which files of parallel zstd begin; nothing after too many."""
    at = 0
    for _ in range(_MAX_SKIPPABLE):
        head = source.read(at, min(8, source.size - at))
        if not _SKIPPABLE.match(head):
            return head if head.startswith(_ZSTD) else b""
        at = min(source.size, at + 8 + int.from_bytes(head[4:8], "little"))
    return b""


def _holds_one_file(source: Source) -> bool:
    """Return whether a zip archive is just one file packed."""
    return not is_workbook(source) and len(table_members(source)) == 1


@dataclass(frozen=True)
class SniffedFile:
    """What formats are recognised by: a file, unpacked, and what is specified about it.

    Attributes:
        content: The file.
        options: What the user specified.
        head: Its first 64 KiB.
    """

    content: Source
    options: ReadOptions
    head: bytes

    @classmethod
    def of(cls, content: Source, options: ReadOptions) -> SniffedFile:
        """Read the sample of a file.

        Raises:
            Rejected: If the file is empty.
        """
        head = content.read(0, min(_HEAD, content.size))
        if not head:
            raise not_a_table("the file is empty")
        return cls(content, options, head)

    @cached_property
    def encoding(self) -> str:
        """The encoding of its text, specified or found."""
        return encoding_of(self.head, self.options).encoding

    @cached_property
    def text(self) -> str:
        """The head as text, from the first character that is not white space.

        Raises:
            Rejected: If it is not text, or blank.
        """
        text = decoded_sample(self.head, self.encoding, whole=len(self.head) == self.content.size)
        if is_binary(text):
            raise not_a_table("the file is binary, and of no format that is known")
        start = text.lstrip(" \t\r\n\ufeff")
        if not start:
            raise not_a_table("the file is blank")
        return start


def begins_with(magic: bytes) -> Callable[[SniffedFile], bool]:
    """Return what recognises files whose first bytes are ``magic``."""
    return lambda sample: sample.head.startswith(magic)


def is_arrow_stream(sample: SniffedFile) -> bool:
    """Return whether this is a message of Arrow's stream format: a mark, the length of a schema, and the schema.

    Before version 0.15 there was no mark: the message itself must be one of a schema then.
    """
    head = sample.head
    if head.startswith(b"\xff\xff\xff\xff"):
        length = int.from_bytes(head[4:8], "little", signed=True)
        return 16 <= length < 1 << 28 and length % 8 == 0
    length = int.from_bytes(head[:4], "little", signed=True)
    return 16 <= length < 1 << 28 and length % 4 == 0 and is_schema(head[4 : 4 + length])


def is_excel(sample: SniffedFile) -> bool:
    """Return whether this is an Excel workbook."""
    return sample.head.startswith(_ZIP_STARTS) and is_workbook(sample.content)


def is_zip_of_tables(sample: SniffedFile) -> bool:
    """Return whether this is a zip archive of several tables."""
    return sample.head.startswith(_ZIP_STARTS) and len(table_members(sample.content)) > 1


def is_json_lines(sample: SniffedFile) -> bool:
    """Return whether this is text that begins with a JSON object."""
    return _is_json(sample) and sample.text.startswith("{")


def is_json_array(sample: SniffedFile) -> bool:
    """Return whether this is text that begins with a JSON array."""
    return _is_json(sample) and sample.text.startswith("[")


def is_text(sample: SniffedFile) -> bool:
    """Return whether this is text; no other file comes as far as this.

    Raises:
        Rejected: If it is not.
    """
    return bool(sample.text)


def _is_json(sample: SniffedFile) -> bool:
    if sample.options.delimiter is not None or not _JSON.match(sample.text):
        return False
    if sample.encoding != "utf-8":
        raise not_a_table(
            f"the text is JSON in {sample.encoding}, and JSON is read as UTF-8 only: convert it with iconv"
        )
    return True


#: An object, or an array of anything, but no ``[section]`` of settings and no ``[2024-01-31 …]`` of a log.
_JSON = re.compile(r'\{|\[\s*(?:[\[{\]"]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*[,\]]|(?:true|false|null)\s*[,\]])')


def is_binary(text: str) -> bool:
    """Return whether more than a tenth of ``text`` is control characters; a few NULs only cost their rows."""
    controls = sum(c < " " and c not in "\t\r\n\f\x1b" for c in text) + text.count("\x7f")
    return controls * 10 > len(text)


def is_pickle(sample: SniffedFile) -> bool:
    """Return whether this is a pickle, sound or not, and no text that begins like one."""
    head = sample.head
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
