"""Joined passages: rows under the name of their domain with ``.joined``, made of the rows of a group.

All writers of a group's rows take the group's lock after they have written the rows and before they take positions:
what they read then is what the group consists of when they commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pc_worker.model import RowOrigin, RowWrite
from pc_worker.model.joined import joined_name
from pc_worker.store.db.connection import Cursor, uuid_array
from pc_worker.store.rows.merge import upsert_rows

#: Row id, key, payload, text and content hash.
MemberRow = tuple[UUID, str, dict[str, Any], str, bytes]
#: A row's part of a passage: its id, and the characters that are its own.
PartRow = tuple[UUID, int, int]

GROUPS_OF = "SELECT DISTINCT group_id FROM row_groups WHERE domain = %s AND row_id = ANY (%s::uuid[])"
SET_GROUPS = """
INSERT INTO row_groups AS g (domain, row_id, group_id)
SELECT %s, row_id, group_id FROM unnest(%s::uuid[], %s::uuid[]) AS n (row_id, group_id) ORDER BY row_id
ON CONFLICT (domain, row_id) DO UPDATE SET group_id = excluded.group_id WHERE g.group_id <> excluded.group_id
"""
LOCK = "SELECT count(pg_advisory_xact_lock(key)) FROM unnest(%s::bigint[]) AS key"
MEMBERS = """
SELECT r.row_id, r.key, r.payload, r.text, r.content_hash FROM row_groups g JOIN rows r USING (domain, row_id)
WHERE g.domain = %s AND g.group_id = ANY (%s::uuid[])
"""
LARGEST = """
SELECT r.payload FROM row_groups g JOIN rows r USING (domain, row_id)
WHERE g.domain = %(domain)s AND g.group_id = (
    SELECT group_id FROM row_groups WHERE domain = %(domain)s AND group_id = ANY (%(groups)s::uuid[])
    GROUP BY group_id HAVING count(*) > %(most)s LIMIT 1) LIMIT 1
"""
STORED = "SELECT row_id FROM row_groups WHERE domain = %s AND group_id = ANY (%s::uuid[])"
DELETE = "DELETE FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[])"
ADD_PARTS = """
INSERT INTO joined_parts (domain, joined_id, part, row_id, start_char, end_char)
SELECT %s, * FROM unnest(%s::uuid[], %s::integer[], %s::uuid[], %s::integer[], %s::integer[])
"""


def groups_of(cursor: Cursor, domain: str, ids: Collection[UUID]) -> set[UUID]:
    """Return the groups that these rows belong to."""
    cursor.execute(GROUPS_OF, (domain, uuid_array(ids)))
    return {UUID(group) for (group,) in cursor.fetchall()}


def set_groups(cursor: Cursor, domain: str, groups: Mapping[UUID, UUID]) -> None:
    """Record which group each row belongs to."""
    cursor.execute(SET_GROUPS, (domain, uuid_array(groups), uuid_array(groups.values())))


def lock_groups(cursor: Cursor, domain: str, groups: Iterable[UUID]) -> None:
    """Lock groups until the transaction ends, in an order that prevents deadlocks."""
    cursor.execute(LOCK, (sorted(_lock_key(domain, group) for group in groups),))


def _lock_key(domain: str, group: UUID) -> int:
    digest = hashlib.blake2b(domain.encode() + group.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def row_of_large_group(cursor: Cursor, domain: str, groups: Collection[UUID], *, most: int) -> dict[str, Any] | None:
    """Return the payload of a row of a group that has more than ``most`` rows; None if none of these groups has."""
    cursor.execute(LARGEST, {"domain": domain, "groups": uuid_array(groups), "most": most})
    found = cursor.fetchone()
    return None if found is None else dict(found[0])


def read_members(cursor: Cursor, domain: str, groups: Collection[UUID]) -> list[MemberRow]:
    """Return the stored rows of these groups."""
    cursor.execute(MEMBERS, (domain, uuid_array(groups)))
    return [
        (UUID(row_id), key, payload, text or "", bytes(content_hash))
        for row_id, key, payload, text, content_hash in cursor.fetchall()
    ]


def stored_passages(cursor: Cursor, domain: str, groups: Collection[UUID]) -> set[UUID]:
    """Return the ids of the joined passages of these groups."""
    cursor.execute(STORED, (joined_name(domain), uuid_array(groups)))
    return {UUID(row_id) for (row_id,) in cursor.fetchall()}


def delete_passages(cursor: Cursor, domain: str, ids: Collection[UUID]) -> None:
    """Delete joined passages with their vectors, terms and parts."""
    if ids:
        cursor.execute(DELETE, (joined_name(domain), uuid_array(sorted(ids))))


def add_passages(
    cursor: Cursor,
    domain: str,
    model_id: int,
    passages: Sequence[RowWrite],
    *,
    groups: Mapping[UUID, UUID],
    parts: Mapping[UUID, Sequence[PartRow]],
) -> None:
    """Write joined passages with their vectors and terms, the group of each, and the rows that it consists of."""
    if not passages:
        return
    name = joined_name(domain)
    origin = RowOrigin(domain=name, source=domain, job_seq=0, model_id=model_id)
    upsert_rows(cursor, origin=origin, rows=passages, fresh={passage.row_id for passage in passages})
    set_groups(cursor, name, groups)
    found = [(joined, number, *part) for joined, each in parts.items() for number, part in enumerate(each)]
    joined_ids, numbers, rows, starts, ends = zip(*found, strict=True)
    cursor.execute(ADD_PARTS, (name, uuid_array(joined_ids), list(numbers), uuid_array(rows), list(starts), list(ends)))
