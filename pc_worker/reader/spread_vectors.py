"""Vectors that are spread over columns: ``e0``, ``e1``, … each hold one number of the row's vector."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NUMBERED = re.compile(r"(?P<prefix>.*?)(?P<number>0|[1-9][0-9]{0,5})", re.DOTALL)
#: Fewer columns than these are not detected as a vector; the user may still name them as one.
_LEAST = 16


@dataclass(frozen=True, slots=True)
class ExplodedVector:
    """Columns that are one vector: a prefix with consecutive numbers.

    Attributes:
        pattern: How it is named: the prefix and ``*``.
        columns: The columns, in the order of their numbers.
    """

    pattern: str
    columns: tuple[str, ...]


def exploded_vectors(columns: Iterable[tuple[str, str]]) -> tuple[ExplodedVector, ...]:
    """Return the vectors that are spread over ``columns``, which are pairs of name and kind."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for name, kind in columns:
        if kind == "float" and (found := _NUMBERED.fullmatch(name)):
            numbers[found["prefix"]].append(name)
    named = (exploded_columns(f"{prefix}*", names) for prefix, names in numbers.items() if len(names) >= _LEAST)
    return tuple(ExplodedVector(f"{_prefix(found[0])}*", found) for found in named if found)


def exploded_columns(pattern: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return those of ``names`` that are ``pattern``'s prefix and a number, by number; none if a number is left out."""
    prefix = pattern.removesuffix("*")
    found = {}
    for name in names:
        rest = name[len(prefix) :] if name.startswith(prefix) else ""
        if re.fullmatch(r"0|[1-9][0-9]{0,5}", rest):
            found[int(rest)] = name
    ordered = sorted(found)
    if len(ordered) < 2 or ordered[-1] - ordered[0] != len(ordered) - 1:
        return ()
    return tuple(found[number] for number in ordered)


def _prefix(name: str) -> str:
    found = _NUMBERED.fullmatch(name)
    return found["prefix"] if found else name
