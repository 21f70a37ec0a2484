"""Names of columns: labels as text, made unique, with the index's own names next to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pc_worker.reader.cells.normal import label_text


def column_names(labels: Sequence[str]) -> list[str]:
    """Return ``labels`` with ``.1``, ``.2``, … after those that are again; a label's own name is never taken from it.

    >>> column_names(["a", "a", "a.1", "b"])
    ['a', 'a.2', 'a.1', 'b']
    """
    taken, seen, names = set(labels), set[str](), []
    tried: dict[str, int] = {}
    for label in labels:
        name = label
        if label in seen:
            name = _next_free(label, taken, tried)
            taken.add(name)
        seen.add(label)
        names.append(name)
    return names


def _next_free(label: str, taken: set[str], tried: dict[str, int]) -> str:
    number = tried.get(label, 0) + 1
    while f"{label}.{number}" in taken:
        number += 1
    tried[label] = number
    return f"{label}.{number}"


def row_labels(keys: Collection[Any]) -> Collection[str]:
    """Return the keys of one row of a list of dicts as labels, unique in the row and the same in any order of the keys.

    >>> list(row_labels([1, "1", "a"]))
    ['1.1', '1', 'a']
    """
    labels = dict.fromkeys(map(label_text, keys))
    if len(labels) == len(keys):
        return labels
    # Python's own rule first: a key that is set twice is one key. Of keys with one text, the text itself keeps it.
    unique = list(dict.fromkeys(keys))
    order = sorted(range(len(unique)), key=lambda place: _rank(unique[place]))
    named = dict(zip(order, column_names([label_text(unique[place]) for place in order]), strict=True))
    return [named[place] for place in range(len(unique))]


def _rank(key: Any) -> tuple[bool, str]:
    return not isinstance(key, str), type(key).__name__


def index_names(levels: Sequence[Any], columns: Sequence[str]) -> list[str]:
    """Return the names of index levels: their own, else ``index`` (or ``level_0``, … of several); suffixed if taken.

    >>> index_names([None], ["index"])
    ['index.1']
    """
    taken, names = set(columns), []
    tried: dict[str, int] = {}
    for number, level in enumerate(levels):
        name = label_text(level) if level is not None else ("index" if len(levels) == 1 else f"level_{number}")
        if name in taken:
            name = _next_free(name, taken, tried)
        taken.add(name)
        names.append(name)
    return names
