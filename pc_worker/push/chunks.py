"""Messages of consecutive rows, within the limits of the batch server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pc_worker.push.rows import FRAMING_BYTES, MESSAGE_BYTES, StockRow

#: More has no effect: vectors alone fill a message at 218 rows.
MESSAGE_ROWS = 300
#: The server inserts the skills of a message in one statement, with four bind values each and 65,535 at most.
MESSAGE_SKILLS = 16_383


def chunked(rows: Iterable[StockRow], *, max_bytes: int = MESSAGE_BYTES) -> Iterator[bytes]:
    """Yield JSON arrays of consecutive rows, at most ``max_bytes`` each with framing.

    No array contains a key twice, because the server's upsert of the array would fail. A row that exceeds a limit is
    alone in its array.
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
