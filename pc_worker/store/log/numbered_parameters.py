"""Statements written for psycopg2, as asyncpg takes them: with numbered parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(%))")


def numbered(sql: str, values: Mapping[str, object], *, first: int = 1) -> tuple[str, list[object]]:
    """Return ``sql`` with ``$N`` for each ``%(name)s``, from ``$first`` on, and the parameters in this order.

    >>> numbered("SELECT 7 %% %(n)s, %(text)s, %(n)s", {"n": 2, "text": "a"}, first=3)
    ('SELECT 7 % $3, $4, $3', [2, 'a'])
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[2]:
            return "%"
        if found[1] not in names:
            names.append(found[1])
        return f"${first + names.index(found[1])}"

    return PLACEHOLDER.sub(number, sql), [values[name] for name in names]
