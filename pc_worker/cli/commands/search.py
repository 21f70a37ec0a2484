"""``search``: ranked hits by meaning, by words, or by both; or the neighbours of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import click

from pc_worker.cli.arguments import AskedChoice, AskedMeasure, AskedNumber
from pc_worker.cli.context import connected
from pc_worker.cli.options import DOMAIN, JSON
from pc_worker.cli.output import Marked, print_json, print_table
from pc_worker.services.search.passages.marking import Span, matched_words
from pc_worker.services.search.reply import Explanation, ListScore, SearchHit, SearchResult
from pc_worker.services.search.request import MAX_K, MAX_OFFSET, Mode, SearchRequest
from pc_worker.services.search.search import search

#: Characters of a passage in the table.
SHOWN = 160


@click.command("search")
@click.argument("query", required=False, default="")
@DOMAIN
@click.option("-k", "k", type=AskedNumber(1, MAX_K), default=10, show_default=True, help="Hits at most.")
@click.option("--offset", type=AskedNumber(0, MAX_OFFSET), default=0, show_default=True, help="Best hits to leave out.")
@click.option(
    "--mode",
    type=AskedChoice(get_args(Mode)),
    default="hybrid",
    show_default=True,
    help="By meaning (vector), by words (text), or by both.",
)
@click.option(
    "--where",
    multiple=True,
    help="FIELD=VALUE, FIELD=A,B (one of them), or with !=, >, >=, <, <=; repeated: all must hold. "
    'A dotted FIELD reaches into objects; quotes ("a, b") keep signs.',
)
@click.option("--min-score", type=AskedMeasure(), help="Leave out hits whose final score is less.")
@click.option("--weights", metavar="VECTOR,TEXT", help="How much each list counts in mode hybrid; default 1,1.")
@click.option(
    "--feedback/--no-feedback", default=None, help="Search again with the best hits; default: as the domain is set."
)
@click.option("--rerank", is_flag=True, help="Order the best hits again by the configured reranker.")
@click.option("--explain", is_flag=True, help="Show how each hit got its score.")
@click.option("--like", metavar="UUID", help="Instead of a query: neighbours of this row.")
@JSON
def search_command(
    query: str, like: str | None, where: Sequence[str], weights: str | None, as_json: bool, **options: Any
) -> None:
    """Find rows of a domain."""
    given = {"query": query, "like": like, "where": list(where), "weights": _weights(weights)}
    request = SearchRequest.model_validate(given | options)
    parts = connected()
    result = search(parts.database, request, encoder=parts.encoder, reranker=parts.reranker)
    if as_json:
        print_json(result.to_dict())
    else:
        show(result)


def _weights(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        vector, words = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} is not two numbers, such as 1,0.5", param_hint="--weights") from exc
    return {"vector": vector, "text": words}


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
