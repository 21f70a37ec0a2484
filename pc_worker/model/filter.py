"""A filter of rows by their payload: comparisons joined by and, or and not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: `=` with several values means: one of them; `!=` with several: none of them. The last three compare with a part of a
#: text, in upper or lower case.
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "contains", "starts", "ends"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A payload field compared with values.

    Attributes:
        field: The field's name; dots reach into objects.
        operator: The comparison; ranges and parts have exactly one value.
        values: Each as JSON writes it, text without quotes; None = the field is null or missing.
    """

    field: str
    operator: Operator
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; true without parts."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter = Condition | AllOf | AnyOf | Not


def conditions(tree: Filter) -> Iterator[Condition]:
    """Yield each comparison of a filter, from left to right.

    >>> [c.field for c in conditions(AllOf((Condition("a", "=", ("1",)), Not(Condition("b", ">", ("2",))))))]
    ['a', 'b']
    """
    match tree:
        case Condition():
            yield tree
        case Not():
            yield from conditions(tree.part)
        case AllOf() | AnyOf():
            for part in tree.parts:
                yield from conditions(part)
