"""Tells what a file is by its first bytes, never by its name."""

from __future__ import annotations

from typing import Literal

from pc_worker.reader import opcodes as op
from pc_worker.reader.errors import not_a_table
from pc_worker.reader.source import Source

Format = Literal["pickle", "gzip", "bz2", "xz", "zstd", "zip", "parquet", "jsonl", "csv"]
COMPRESSED: tuple[Format, ...] = ("gzip", "bz2", "xz", "zstd", "zip")
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PAR1", "parquet"),
)
_HEAD = 4096
#: What protocols 0 and 1 begin with where the file holds a frame, a list, a dict or a call.
_OLD_STARTS = frozenset({op.MARK, op.EMPTY_LIST, op.EMPTY_DICT, op.GLOBAL})


def format_of(source: Source) -> Format:
    """What ``source`` holds.

    Raises:
        Refused: If it is empty, or nothing that is read.
    """
    head = source.read(0, min(_HEAD, source.size))
    if not head:
        raise not_a_table("the file is empty")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[0] == op.PROTO or (head[0] in _OLD_STARTS and not _is_text_table(head)):
        return "pickle"
    stripped = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped.startswith(b"{"):
        return "jsonl"
    if _is_text(head) and b"," in head.partition(b"\n")[0]:
        return "csv"
    raise not_a_table("the file is no pickle, Parquet, CSV or JSON Lines, nor one of them compressed")


def _is_text_table(head: bytes) -> bool:
    """Text such as ``category,name`` also begins with a letter that is an opcode."""
    if head[0] == op.GLOBAL:
        first, _, rest = head[1:].partition(b"\n")
        second = rest.partition(b"\n")[0]
        return b"," in first or b"," in second
    return False


def _is_text(head: bytes) -> bool:
    cut = head[: head.rfind(b"\n") + 1] or head
    try:
        return "\x00" not in cut.decode("utf-8")
    except UnicodeDecodeError:
        return False
