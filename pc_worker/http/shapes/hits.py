"""A hit as other products show it: a title, a text, a link, flat attributes, and a score from 0 to 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import exp
from typing import Any

from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import Mode

#: Payload fields that name a row, best first; compared without upper and lower case.
TITLE_FIELDS = ("title", "name", "headline", "subject", "position", "skill", "position_category")
LINK_FIELDS = ("url", "link", "href", "source_url")
TITLE_CHARS = 80
#: The BM25 score that stands for 0.5 where a score must be from 0 to 1: a good match of a short query.
HALF_BM25 = 8.0
#: Scores up to here are as they are, where the unit is that of a similarity.
KNEE = 0.8


def unit_score(score: float, mode: Mode) -> float:
    """Return a final score as a number from 0 to 1, in the same order.

    Scores of modes with vectors have the unit of a cosine similarity, but may exceed 1 for rows that also have the
    words of the query: above ``KNEE`` they are bent. Those of mode text are BM25, without an end.

    >>> [round(unit_score(score, "hybrid"), 3) for score in (-0.2, 0.25, 0.8, 1.0, 1.4)]
    [0.0, 0.25, 0.8, 0.926, 0.99]
    >>> [unit_score(score, "text") for score in (0.0, 8.0, 24.0)]
    [0.0, 0.5, 0.75]
    """
    if mode == "text":
        return score / (score + HALF_BM25) if score > 0 else 0.0
    if score > KNEE:
        return 1 - (1 - KNEE) * exp((KNEE - score) / (1 - KNEE))
    return max(score, 0.0)


def title_of(payload: Mapping[str, Any], text: str | None, row_id: str) -> str:
    r"""Return a row's title: a field that names it, else the beginning of its text, else its UUID.

    >>> title_of({"Title": "A tale", "id": "5"}, "Once upon a time", "0190")
    'A tale'
    >>> title_of({}, "Once\nupon", "0190")
    'Once upon'
    """
    by_name = {name.lower(): value for name, value in payload.items()}
    named = (by_name.get(name) for name in TITLE_FIELDS)
    found = next((value for value in named if isinstance(value, str) and value.strip()), text or "")
    line = " ".join(found.split())
    short = line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1] + "…"
    return short or row_id


def link_of(payload: Mapping[str, Any], own: str) -> str:
    """Return the link that a row names in its payload; ``own`` if it names none.

    >>> link_of({"URL": "https://example.org/1"}, "http://here/1"), link_of({"url": "javascript:x"}, "http://here/1")
    ('https://example.org/1', 'http://here/1')
    """
    by_name = {name.lower(): value for name, value in payload.items()}
    links = (by_name.get(name) for name in LINK_FIELDS)
    return next((link for link in links if isinstance(link, str) and link.startswith(("https://", "http://"))), own)


def text_of(payload: Mapping[str, Any], text: str | None) -> str:
    r"""Return what a language model reads of a row: its text, or its fields in lines where it has no text.

    >>> text_of({"skill": "Go", "years": 3, "none": None}, None)
    'skill: Go\nyears: 3'
    """
    if text:
        return text
    shown = ((name, value) for name, value in payload.items() if value is not None)
    return "\n".join(f"{name}: {value if isinstance(value, str) else _json(value)}" for name, value in shown)


def hit_text(hit: SearchHit) -> str:
    """Return what a language model reads of a hit: its best passage, or its fields in lines."""
    return text_of(hit.payload, None if hit.passage is None else hit.passage.text)


def hit_title(hit: SearchHit) -> str:
    """Return the title of a hit."""
    return title_of(hit.payload, None if hit.passage is None else hit.passage.text, hit.id)


def flat(payload: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """Return a payload's fields as texts, numbers and booleans; lists and objects as JSON text, nulls left out.

    >>> flat({"a": 1, "b": ["x"], "c": None})
    {'a': 1, 'b': '["x"]'}
    """
    return {
        name: value if isinstance(value, str | int | float | bool) else _json(value)
        for name, value in payload.items()
        if value is not None
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
