"""Rows gathered into messages: as many as the batch server's limits allow, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pc_worker.push.rows import FRAMING_BYTES, MESSAGE_BYTES, StockRow

#: More bring nothing: vectors alone fill a message at 218 rows.
MESSAGE_ROWS = 300
#: Skills of one message are one statement there, four bind values each of 65,535 in all.
MESSAGE_SKILLS = 16_383


def chunked(rows: Iterable[StockRow], *, max_bytes: int = MESSAGE_BYTES) -> Iterator[bytes]:
    """Yield JSON arrays of consecutive rows, at most ``max_bytes`` each with framing.

    No array holds a key twice: the server's multi-row upsert would fail as a whole. A row that is beyond a limit by
    itself comes alone.
    """
    chunk: list[bytes] = []
    keys: set[str] = set()
    size = skills = 0
    for row in rows:
        grown = size + len(row.json) + 1
        full = grown + FRAMING_BYTES > max_bytes or skills + row.skills > MESSAGE_SKILLS
        if chunk and (full or row.key in keys or len(chunk) == MESSAGE_ROWS):
            yield _array(chunk)
            chunk, keys, grown, skills = [], set(), len(row.json) + 1, 0
        chunk.append(row.json)
        keys.add(row.key)
        size, skills = grown, skills + row.skills
    if chunk:
        yield _array(chunk)


def _array(rows: list[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"
