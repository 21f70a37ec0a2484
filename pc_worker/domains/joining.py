"""Join the rows of a group into passages: a pure function of the rows, in any order of arrival."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pc_worker.domains.cleaning.records import canonical_json
from pc_worker.domains.declaration.join import Join
from pc_worker.reader import Json

#: Returns the number of tokens of a line, without special ones; those of several lines add up.
CountTokens = Callable[[str], int]
Payload = Mapping[str, Json]

ID_BYTES = 16
#: Tokens of the begin and end of a text.
SPECIAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A row that is joined with its neighbours."""

    row_id: UUID
    key: str
    payload: Payload
    text: str
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class JoinedPart:
    """A row's part of a joined text: characters ``start`` to ``end``, exclusive."""

    member: Member
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class JoinedText:
    """The text of neighbouring rows. Its id is made of all that it consists of: equal ids have equal content."""

    id: UUID
    group: UUID
    text: str
    parts: tuple[JoinedPart, ...]

    @property
    def payload(self) -> dict[str, Json]:
        """Return the values that its rows have of each field, each value once."""
        found: dict[str, dict[bytes, Json]] = {}
        for part in self.parts:
            for name, value in part.member.payload.items():
                for item in value if isinstance(value, list) else [value]:
                    found.setdefault(name, {})[canonical_json(item)] = item
        return {name: list(values.values()) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who says the text of rows, and from when to when; None or empty where the rows do not say it."""

    speakers: tuple[str, ...]
    begins: Json
    ends: Json


def group_of(join: Join, payload: Payload) -> UUID:
    """Return the id of a row's group; equal values of the group's fields have equal ids."""
    values = canonical_json([payload.get(name) for name in join.group])
    return UUID(bytes=hashlib.blake2b(values, digest_size=ID_BYTES).digest())


def join_rows(join: Join, members: Iterable[Member], count: CountTokens) -> list[JoinedText]:
    """Return the joined texts of rows of any groups: each row is in exactly one, with rows of its own group only.

    Args:
        join: The domain's rule.
        members: All rows of the groups, in any order.
        count: Returns the number of tokens of a line. No text of two or more rows has more than ``join.max_tokens``.
    """
    groups: dict[UUID, list[Member]] = {}
    for member in members:
        groups.setdefault(group_of(join, member.payload), []).append(member)
    return [
        _joined(group, parts)
        for group, rows in sorted(groups.items())
        for parts in _packed(join, sorted(rows, key=lambda row: _place(join, row)), count)
    ]


def spoken(join: Join, payloads: Sequence[Payload]) -> Spoken:
    """Return who says the text of these rows, in the order of their first words, and from when to when."""
    speakers = [_speaker(join, payload) for payload in payloads]
    begins = [_value(payload, join.begins) for payload in payloads]
    ends = [_value(payload, join.ends) for payload in payloads]
    last = [end if end is not None else begin for begin, end in zip(begins, ends, strict=True)]
    return Spoken(
        speakers=tuple(dict.fromkeys(filter(None, speakers))),
        begins=min((value for value in begins if value is not None), key=_order, default=None),
        ends=max((value for value in last if value is not None), key=_order, default=None),
    )


def _packed(join: Join, rows: Sequence[Member], count: CountTokens) -> Iterable[list[tuple[Member, str]]]:
    """Yield the rows of each text with their lines: as many rows as fit, in their order."""
    held: list[tuple[Member, str]] = []
    tokens = SPECIAL
    for row in rows:
        line = _line(join, row, held[-1][0] if held else None)
        more = count(line)
        if held and tokens + more > join.max_tokens:
            yield held
            held, line = [], _line(join, row, None)
            tokens, more = SPECIAL, count(line)
        tokens += more
        held.append((row, line))
    if held:
        yield held


def _line(join: Join, row: Member, previous: Member | None) -> str:
    """Return the row's text, after its speaker's name unless the row before it has the same speaker."""
    speaker, text = _speaker(join, row.payload), row.text.strip()
    if not speaker or (previous is not None and _speaker(join, previous.payload) == speaker):
        return text
    return f"{speaker}: {text}"


def _joined(group: UUID, lines: Sequence[tuple[Member, str]]) -> JoinedText:
    parts, at = [], 0
    for member, line in lines:
        parts.append(JoinedPart(member, at, at + len(line)))
        at += len(line) + 1
    text = "\n".join(line for _, line in lines)
    digest = hashlib.blake2b(group.bytes, digest_size=ID_BYTES)
    for member, _ in lines:
        digest.update(member.row_id.bytes + member.content_hash)
    digest.update(text.encode())
    return JoinedText(UUID(bytes=digest.digest()), group, text, tuple(parts))


def _place(join: Join, row: Member) -> tuple[object, ...]:
    return (*(_order(row.payload.get(name)) for name in join.order), row.key, row.row_id)


def _order(value: Json) -> tuple[int, float | str]:
    """Return what values are ordered by: numbers, then times, then other text, then null."""
    if value is None:
        return 3, ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value)
    if isinstance(value, str) and (time := _time(value)) is not None:
        return 1, time
    return 2, value if isinstance(value, str) else canonical_json(value).decode("utf-8", "surrogatepass")


def _time(text: str) -> float | None:
    if len(text) < 10 or not text[:4].isdigit():
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _speaker(join: Join, payload: Payload) -> str:
    value = _value(payload, join.speaker)
    return "" if value is None else " ".join(str(value).split())


def _value(payload: Payload, name: str | None) -> Json:
    return None if name is None else payload.get(name)
