"""The fields that payloads of a domain have: a filter on any other is refused with the nearest name."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import product

from pc_worker.errors import InvalidRequest
from pc_worker.store.db.connection import Cursor

#: Objects whose keys are data have any number of fields: beyond this many, unknown ones are no longer refused.
MAX_FIELDS = 10_000
#: Longer names are not collected; the index of the fields could not hold them.
MAX_FIELD_BYTES = 1_000
MAX_PATH_BYTES = 1_500
#: A field that was not collected: with more dots it is read as one name and as a path of single names only.
MAX_MIXED_DOTS = 4

COLLECT = """
INSERT INTO payload_fields (domain, field, path)
SELECT %(domain)s, found.field, found.path FROM unnest(%(fields)s::text[], %(paths)s::text[]) AS found (field, path)
WHERE NOT EXISTS (SELECT FROM payload_fields p
                  WHERE (p.domain, p.field, p.path) = (%(domain)s, found.field, found.path))
  AND (SELECT count(*) FROM payload_fields WHERE domain = %(domain)s) < %(limit)s
ORDER BY found.field, found.path ON CONFLICT DO NOTHING
"""
NAMES = "SELECT DISTINCT field FROM payload_fields WHERE domain = %s ORDER BY field LIMIT %s"
FORGET = "DELETE FROM payload_fields WHERE domain = %s AND NOT EXISTS (SELECT FROM rows WHERE domain = %s)"

Path = tuple[str, ...]


def collect_fields(cursor: Cursor, domain: str, paths: Iterable[Path]) -> None:
    """Add the fields of written payloads; call it after the rows are locked and before the log is."""
    named = sorted({(".".join(path), json_path(path)) for path in paths})
    known = [(name, path) for name, path in named if _is_collected(name, path)]
    if known:
        values = {"domain": domain, "fields": [name for name, _ in known], "paths": [path for _, path in known]}
        cursor.execute(COLLECT, values | {"limit": MAX_FIELDS})


def forget_fields(cursor: Cursor, domain: str) -> None:
    """Delete the fields of a domain that has no rows left."""
    cursor.execute(FORGET, (domain, domain))


def read_paths(
    cursor: Cursor, domain: str, fields: Sequence[str], collected: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """Return the jsonpaths of each field of a filter, given those of the fields that were collected.

    Raises:
        InvalidRequest: If no row has a field; names the nearest one.
    """
    return {field: collected.get(field) or _possible(cursor, domain, field) for field in fields}


def _possible(cursor: Cursor, domain: str, field: str) -> Sequence[str]:
    cursor.execute(NAMES, (domain, MAX_FIELDS))
    return uncollected_paths(domain, field, [name for (name,) in cursor.fetchall()])


def uncollected_paths(domain: str, field: str, names: Sequence[str]) -> Sequence[str]:
    """Return the jsonpaths that a field may mean which is not among the collected ``names``.

    Raises:
        InvalidRequest: If no row has it; names the nearest one.
    """
    possible = any_paths(field)
    if len(names) >= MAX_FIELDS or not _is_collected(field, max(possible, key=len)):
        return possible
    raise InvalidRequest(f"no row of domain {domain} has the field {field[:80]!r}{_hint(field, names)}")


def _hint(field: str, names: Collection[str]) -> str:
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(field.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {folded[near[0]][:80]!r}?"
    shown = ", ".join(repr(name[:40]) for name in list(names)[:10])
    return f"; it has {shown}{', …' if len(names) > 10 else ''}" if names else ": it has none"


def any_paths(field: str) -> list[str]:
    """Return the jsonpaths that a field may mean: a dot is a part of a name, or reaches into an object.

    >>> any_paths("a.b")
    ['$."a.b"', '$."a"."b"']
    """
    names = field.split(".")
    if len(names) - 1 > MAX_MIXED_DOTS:
        return [json_path([field]), json_path(names)]
    return [json_path(_joined(names, dots)) for dots in product(".\0", repeat=len(names) - 1)]


def only_names(field: str, paths: Sequence[str]) -> list[str] | None:
    """Return the names by which the only path of a field reaches its value; None if there are several.

    A number would be the place of an item in an array, so a path with a digit has no such names.

    >>> only_names("a.b", ['$."a"."b"']), only_names("a.b", ['$."a.b"', '$."a"."b"']), only_names("a.1", ['$."a"."1"'])
    (['a', 'b'], None, None)
    """
    if len(paths) != 1 or field.count(".") > MAX_MIXED_DOTS:
        return None
    parts = field.split(".")
    ways = (_joined(parts, dots) for dots in product(".\0", repeat=len(parts) - 1))
    names = next((names for names in ways if json_path(names) == paths[0]), None)
    return None if names is None or any(sign.isdigit() for name in names[1:] for sign in name) else names


def _joined(names: Sequence[str], dots: Sequence[str]) -> list[str]:
    text = names[0] + "".join(dot + name for dot, name in zip(dots, names[1:], strict=True))
    return text.split("\0")


def json_path(names: Sequence[str]) -> str:
    """Return the jsonpath of nested names."""
    return "$" + "".join("." + json.dumps(name, ensure_ascii=False) for name in names)


def _is_collected(field: str, path: str) -> bool:
    return len(field.encode()) <= MAX_FIELD_BYTES and len(path.encode()) <= MAX_PATH_BYTES
