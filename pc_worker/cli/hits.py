"""The hits of a search, for people."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pc_worker.cli.output import Marked, print_table
from pc_worker.services.search.passages.marking import Span, matched_words
from pc_worker.services.search.reply import Explanation, ListScore, SearchHit, SearchResult

#: Characters of a passage in the table.
SHOWN = 160


def show(result: SearchResult) -> None:
    """Print the hits for people."""
    joins = any(hit.passage is not None and hit.passage.joined is not None for hit in result.hits)
    names = ("score", "vector", "text", "id", *(["who and when"] if joins else []), "passage")
    print_table(names, [_cells(hit, result) for hit in result.hits])
    for number, hit in enumerate(result.hits, start=1):
        if hit.explain is not None:
            click.echo(f"{number}. {_explained(hit.explain)}")
    if result.rerank is not None and not result.rerank.applied:
        click.echo(f"not reranked: {result.rerank.reason}", err=True)


def _cells(hit: SearchHit, result: SearchResult) -> tuple[object, ...]:
    scores = (hit.score, hit.vector_score, hit.text_score)
    shown = " ".join(str(value) for value in hit.payload.values()) if hit.passage is None else hit.passage.text
    text = " ".join(shown.split())
    marks = matched_words(result.domain, result.query, text) if result.query else []
    joined = [] if hit.passage is None or hit.passage.joined is None else [hit.passage.joined.label]
    return *(None if score is None else f"{score:.4f}" for score in scores), hit.id, *joined, _excerpt(text, marks)


def _excerpt(text: str, marks: Sequence[Span]) -> Marked:
    """Return a part of a passage that is short enough for a table, with its first marked words."""
    first = marks[0][0] if marks else 0
    start = 0 if first < SHOWN // 2 else text.rfind(" ", 0, first - SHOWN // 4) + 1 or first
    stop = start + SHOWN
    inside = [(max(begin, start), min(end, stop)) for begin, end in marks if start < end and begin < stop]
    dots = "…" if start else ""
    shift = len(dots) - start
    shown = dots + text[start:stop] + ("…" if len(text) > stop else "")
    return Marked(shown, [(begin + shift, end + shift) for begin, end in inside])


def _explained(explain: Explanation) -> str:
    places = {"vector": explain.vector, "text": explain.text}
    parts = [f"{name}: {_place(place)}" for name, place in places.items() if place is not None]
    rerank = [] if explain.rerank is None else [f"rerank: {explain.rerank:.4f}"]
    return "; ".join([*parts, f"fused: {explain.fused:.4f}", *rerank])


def _place(place: ListScore) -> str:
    rank = "not in the list" if place.rank is None else f"rank {place.rank}"
    score = "" if place.score is None else f", score {place.score:.4f}"
    return f"{rank}{score}, adds {place.fused:.4f}"
