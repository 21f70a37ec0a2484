"""Facets: the terms of a row's payload, by which the index finds the rows of a filter.

A facet is the negative hash of a domain, a field and a value in its one form. Numbers and times have facets of the
intervals that contain them as well, of several widths: a range of values is a union of a few hundred intervals.

A row with more values than are indexed, or deeper ones, has the facet of `rest`: its payload decides whether it meets a
filter.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from pc_worker.store.search.values import Kind, may_be_number, ordered, value_form
from pc_worker.store.search.words.term_hash import DIMENSION, term_hash

#: Longer values are text, which is rarely filtered by equality; filters compare them without the index.
MAX_FACET_CHARS = 200
MAX_FACETS = 256
#: Levels of objects and arrays in each other.
MAX_DEPTH = 32
#: Leading bits of the 64 that a number has: intervals from a factor of 2³² down to a relative width of 4·10⁻⁶.
LEVELS = (30, 22, 14, 6)
#: A longer text is neither a number nor a time.
MAX_NUMBER_CHARS = 400
#: Multiplying by a number of 64 bits that is not even, and folding, spreads integers well.
MIX, LAST = 0x9E3779B97F4A7C15, 2**64 - 1

Path = tuple[str, ...]

DEEPER = object()
CONTAINERS = (dict, list)


@dataclass(slots=True)
class PayloadTerms:
    """The facets of a payload, and the paths of its fields."""

    facets: set[int] = field(default_factory=set)
    fields: set[Path] = field(default_factory=set)


def payload_terms(domain: str, payload: Mapping[str, object]) -> PayloadTerms:
    """Return the facets and fields of a payload; each item of an array is a value."""
    return _flat_terms(domain, payload) or _nested_terms(domain, payload)


def _flat_terms(domain: str, payload: Mapping[str, object]) -> PayloadTerms | None:
    """Return the same as ``_nested_terms`` in less time, for scalars and arrays of them; None for other payloads."""
    facets: set[int] = set()
    most = 0  # of facets, without knowing which are equal
    for name, value in payload.items():
        if isinstance(value, dict):
            return None
        values = value if isinstance(value, list) else (value,)
        for item in values:
            if type(item) is str:  # most values: a call less for each shows
                terms = _scalar_terms(domain, name, item) if len(item) <= MAX_NUMBER_CHARS else ()
            elif isinstance(item, CONTAINERS):
                return None
            else:
                terms = _terms(domain, name, item)
            facets.update(terms)
            most += len(terms)
        if len(values) > 1:
            facets.add(several(domain, name))
            most += 1
    return PayloadTerms(facets, {(name,) for name in payload}) if most <= MAX_FACETS else None


def _nested_terms(domain: str, payload: Mapping[str, object]) -> PayloadTerms:
    found, all_indexed = PayloadTerms(), True
    with_values: set[str] = set()
    for path, value in _values(payload, found.fields):
        name = path[0] if len(path) == 1 else ".".join(path)
        terms = _terms(domain, name, value) if all_indexed else []
        all_indexed = all_indexed and value is not DEEPER and len(found.facets) + len(terms) <= MAX_FACETS
        if all_indexed:
            found.facets.update(terms if name not in with_values else [*terms, several(domain, name)])
        with_values.add(name)
    if not all_indexed:
        found.facets.add(rest(domain))
    return found


def _values(payload: Mapping[str, object], fields: set[Path]) -> Iterator[tuple[Path, object]]:
    """Yield the scalar values with their paths, and `DEEPER` where the payload is too deep; collect all fields."""
    waiting: list[tuple[Path, Any, int]] = [((), dict(payload), 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if not isinstance(value, CONTAINERS):
            yield path, value
        elif depth > MAX_DEPTH:
            yield path, DEEPER
        elif isinstance(value, dict):
            inner = [(*path, name) for name in value]
            fields.update(inner)
            waiting.extend(zip(inner, value.values(), repeat(depth + 1)))
        else:
            waiting.extend(zip(repeat(path), value, repeat(depth + 1)))


def _terms(domain: str, name: str, value: object) -> Sequence[int]:
    if isinstance(value, str) and len(value) > MAX_NUMBER_CHARS:
        return ()  # neither a number nor a time, and too long for a facet; not worth remembering
    return _scalar_terms(domain, name, value)


@functools.lru_cache(maxsize=50_000, typed=True)  # values of rows repeat; True is not 1
def _scalar_terms(domain: str, name: str, value: object) -> Sequence[int]:
    if type(value) is str and not may_be_number(value):
        return () if (term := facet(domain, name, value)) is None else (term,)
    form = value_form(value)
    if form is None:
        return ()
    term = facet(domain, name, form)
    terms = [] if term is None else [term]
    if (place := ordered(value)) is not None:
        kind, bits = place
        terms += [interval(domain, name, kind, level, bits >> (64 - level)) for level in LEVELS]
    return terms


def facet(domain: str, name: str, form: str) -> int | None:
    """Return the term of the field ``name`` with a value of this form; None if it is too long to have one."""
    return None if len(form) > MAX_FACET_CHARS else -term_hash(domain, name, form)


def interval(domain: str, name: str, kind: Kind, level: int, number: int) -> int:
    """Return the term of an interval: all values of the field that begin with these bits."""
    mixed = ((_level(domain, name, kind, level) ^ number) * MIX) & LAST
    return -(1 + (mixed ^ (mixed >> 29)) % DIMENSION)


@functools.lru_cache(maxsize=10_000)
def _level(domain: str, name: str, kind: Kind, level: int) -> int:
    """Return the hash of a field's intervals of one width; numbers are mixed into it, which is faster than hashing."""
    return term_hash(domain, name, f"\2{kind}{level}") * MIX & LAST


def rest(domain: str) -> int:
    """Return the term of rows of which not all values are indexed."""
    return -term_hash(domain, "\2rest")


@functools.lru_cache(maxsize=10_000)
def several(domain: str, name: str) -> int:
    """Return the term of rows with several values of a field: each end of a range may be met by another of them."""
    return -term_hash(domain, name, "\2several")


def intervals(domain: str, name: str, kind: Kind, low: int, high: int) -> list[int]:
    """Return the terms of the intervals that contain all values from ``low`` to ``high``, both included."""
    terms: list[int] = []
    first, last = low >> (64 - LEVELS[0]), high >> (64 - LEVELS[0])
    for level, wider in zip(LEVELS, (*LEVELS[1:], None), strict=True):
        if wider is None:
            return terms + [interval(domain, name, kind, level, number) for number in range(first, last + 1)]
        inside = 1 << (level - wider)
        after = -(-first // inside) * inside  # the first that begins a wider interval
        before = (last + 1) // inside * inside  # the first after the last wider interval
        if after >= before:
            return terms + [interval(domain, name, kind, level, number) for number in range(first, last + 1)]
        edges = (*range(first, after), *range(before, last + 1))
        terms += [interval(domain, name, kind, level, number) for number in edges]
        first, last = after // inside, before // inside - 1
    return terms
