"""Join rows into passages, in the transaction that writes or deletes the rows.

A passage is a function of the rows of its group, and its id of its content. So a writer makes the passages of the
groups that it has changed, deletes those that are no more, and adds those that are new. Texts are encoded before the
transaction, for the rows as they are then. If another writer has changed the group meanwhile, texts may lack vectors:
the transaction is run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pc_worker.domains import Domain, Join, JoinedText, Member, Record, group_of, join_rows
from pc_worker.encoding.text.line_tokens import line_tokens
from pc_worker.errors import Conflict, InvalidRequest
from pc_worker.model import RowWrite
from pc_worker.model.joined import joined_name
from pc_worker.services.ingest.rows.dead_letter import stored_json
from pc_worker.services.ingest.rows.embed import Embedder
from pc_worker.services.ingest.rows.prepare import Passages
from pc_worker.store.db.connection import Cursor
from pc_worker.store.rows import joined
from pc_worker.store.rows.joined import MemberRow
from pc_worker.store.search.terms import row_terms

#: Rows of one group at most: it is joined as a whole, in memory.
MAX_ROWS = 20_000

#: Returns the vectors of a joined text; none = it is found by its words, until a backfill adds its vectors.
PassagesOf = Callable[[str], Passages]


@dataclass(slots=True)
class Joiner:
    """Joins the rows of one chunk with their neighbours; keeps its vectors for a repeated write."""

    domain: Domain
    join: Join
    embedder: Embedder
    _vectors: dict[str, Passages] = field(default_factory=dict)

    def expect(self, rows: Collection[RowWrite]) -> None:
        """Encode the texts that these rows will make with the stored rows of their groups.

        Raises:
            InvalidRequest: If a group has too many rows to be joined.
        """
        written = [_written(row) for row in rows]
        with self.embedder.services.database.transaction() as cursor:
            groups = self._groups(cursor, written)
            self._check_sizes(cursor, groups)
            members = {member.row_id: member for member in _members(cursor, self.domain.name, groups)}
            known = joined.stored_passages(cursor, self.domain.name, groups)
        members |= {member.row_id: member for member in written}
        made = _passages(self.join, members.values(), groups)
        self._encode([one.text for one in made if one.id not in known and one.text not in self._vectors])

    def write(self, cursor: Cursor, rows: Collection[RowWrite]) -> None:
        """Write the passages of the groups of these rows, after the rows themselves.

        Raises:
            Conflict: If another writer has changed a group meanwhile, so that texts lack vectors.
        """
        written = [_written(row) for row in rows]
        groups = self._groups(cursor, written)
        joined.set_groups(cursor, self.domain.name, {one.row_id: group_of(self.join, one.payload) for one in written})
        write_groups(cursor, self.domain, self.embedder.model.model_id, groups, self._passages_of)

    def _check_sizes(self, cursor: Cursor, groups: Collection[UUID]) -> None:
        large = joined.row_of_large_group(cursor, self.domain.name, groups, most=MAX_ROWS)
        if large is not None:
            name = ", ".join(f"{field} {str(large.get(field))[:80]!r}" for field in self.join.group)
            raise InvalidRequest(
                f"domain {self.domain.name} has more than {MAX_ROWS:,} rows of {name}: more cannot be joined into "
                "passages; declare a join that groups by further fields, or give the source's groups different names"
            )

    def _groups(self, cursor: Cursor, written: Iterable[Member]) -> set[UUID]:
        """Return the groups that rows belong to now, and those that they leave."""
        ids = [member.row_id for member in written]
        return joined.groups_of(cursor, self.domain.name, ids) | {group_of(self.join, one.payload) for one in written}

    def _encode(self, texts: Sequence[str]) -> None:
        records = [
            Record(row_no=number, key="", payload={}, text=text, vector=None, search_text="")
            for number, text in enumerate(texts)
        ]
        for number, found in self.embedder.embed(records).items():
            self._vectors[texts[number]] = () if isinstance(found, str) else found

    def _passages_of(self, text: str) -> Passages:
        if text not in self._vectors:
            raise Conflict("neighbours of these rows have changed meanwhile")
        return self._vectors[text]


class ChunkEncoding:
    """What encodes a chunk: its rows, and the passages that they are joined into if the domain joins its rows."""

    def __init__(self, rows: Embedder, domain: Domain) -> None:
        self.rows, self._domain = rows, domain
        self._joiner: Joiner | None = None
        if domain.join is not None:
            embedder = Embedder(rows.services, rows.model, split_long=True, job_id=rows.job_id)
            self._joiner = Joiner(domain, domain.join, embedder)
        self._embedders = [rows] if self._joiner is None else [rows, self._joiner.embedder]

    @property
    def texts_encoded(self) -> int:
        """Texts that the model encoded."""
        return sum(each.texts_encoded for each in self._embedders)

    @property
    def tokens(self) -> int:
        """Tokens that the model encoded."""
        return sum(each.tokens for each in self._embedders)

    def take_loading(self) -> float:
        """Return the seconds of loading the model since the last call."""
        return sum(each.take_loading() for each in self._embedders)

    def count(self) -> None:
        """Add the counts to Prometheus; call it once, when all is written."""
        for each in self._embedders:
            each.count(self._domain.name)

    def expect(self, rows: Collection[RowWrite]) -> None:
        """Encode the passages that rows will be joined into; see ``Joiner``."""
        if self._joiner is not None and rows:
            self._joiner.expect(rows)

    def join(self, cursor: Cursor, rows: Collection[RowWrite]) -> None:
        """Write the passages of written rows; see ``Joiner``."""
        if self._joiner is not None and rows:
            self._joiner.write(cursor, rows)


def write_groups(
    cursor: Cursor, domain: Domain, model_id: int, groups: Collection[UUID], passages_of: PassagesOf
) -> None:
    """Make the stored passages of these groups those of their stored rows; unchanged passages stay as they are."""
    if domain.join is None or not groups:
        return
    joined.lock_groups(cursor, domain.name, groups)
    made = {one.id: one for one in _passages(domain.join, _members(cursor, domain.name, groups), groups)}
    stored = joined.stored_passages(cursor, domain.name, groups)
    joined.delete_passages(cursor, domain.name, stored - made.keys())
    new = [one for row_id, one in made.items() if row_id not in stored]
    joined.add_passages(
        cursor,
        domain.name,
        model_id,
        [_passage(domain, one, passages_of(one.text)) for one in new],
        groups={one.id: one.group for one in new},
        parts={one.id: [(part.member.row_id, part.start, part.end) for part in one.parts] for one in new},
    )


def _passage(domain: Domain, one: JoinedText, passages: Passages) -> RowWrite:
    name = joined_name(domain.name)
    payload = {field: values for field, values in one.payload.items() if field not in domain.text}
    return RowWrite(
        row_no=0,
        row_id=one.id,
        key=str(one.id),
        payload_json=stored_json(payload),
        text=one.text,
        content_hash=one.id.bytes,
        wire=b"",
        terms=row_terms(name, one.text, payload),
        passages=passages,
    )


def _passages(join: Join, members: Iterable[Member], groups: Collection[UUID]) -> list[JoinedText]:
    return [one for one in join_rows(join, members, line_tokens) if one.group in groups]


def _members(cursor: Cursor, domain: str, groups: Collection[UUID]) -> list[Member]:
    return [_member(row) for row in joined.read_members(cursor, domain, groups)]


def _member(row: MemberRow) -> Member:
    row_id, key, payload, text, content_hash = row
    return Member(row_id=row_id, key=key, payload=payload, text=text, content_hash=content_hash)


def _written(row: RowWrite) -> Member:
    return _member((row.row_id, row.key, json.loads(row.payload_json), row.text or "", row.content_hash))
