"""Tells what a file is by its first bytes, never by its name."""

from __future__ import annotations

from pc_worker.reader import opcodes as op
from pc_worker.reader.errors import not_a_table
from pc_worker.reader.formats.base import Format, Packing
from pc_worker.reader.source import Source

_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", Packing.GZIP),
    (b"BZh", Packing.BZ2),
    (b"\xfd7zXZ\x00", Packing.XZ),
    (b"\x28\xb5\x2f\xfd", Packing.ZSTD),
    (b"PK\x03\x04", Packing.ZIP),
)
_HEAD = 4096
#: What protocols 0 and 1 begin with where the file holds a frame, a list, a dict or a call.
_OLD_STARTS = frozenset({op.MARK, op.EMPTY_LIST, op.EMPTY_DICT, op.GLOBAL})


def packing_of(source: Source) -> Packing | None:
    """Return how ``source`` is compressed, None if it is not."""
    head = source.read(0, min(8, source.size))
    return next((packing for magic, packing in _PACKINGS if head.startswith(magic)), None)


def format_of(source: Source) -> Format:
    """Return what ``source`` holds.

    Raises:
        Refused: If it is empty, or nothing that is read.
    """
    head = source.read(0, min(_HEAD, source.size))
    if not head:
        raise not_a_table("the file is empty")
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    if head[0] == op.PROTO or (head[0] in _OLD_STARTS and not _is_text_table(head)):
        return Format.PICKLE
    stripped = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped.startswith(b"{"):
        return Format.JSON_LINES
    if _is_text(head) and b"," in head.partition(b"\n")[0]:
        return Format.CSV
    raise not_a_table("the file is no pickle, Parquet, CSV or JSON Lines, nor one of them compressed")


def _is_text_table(head: bytes) -> bool:
    """Return whether this is text such as ``category,name``, which also begins with a letter that is an opcode."""
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
