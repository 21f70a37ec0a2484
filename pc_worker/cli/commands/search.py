"""``search``: ranked hits by meaning, by words, or by both; or the neighbours of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_table
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.services.search.request import MAX_K, MAX_OFFSET, SearchRequest
from pc_worker.services.search.search import search

SHOWN = 100


@click.command("search")
@click.argument("query", required=False, default="")
@click.option("--domain", required=True)
@click.option("-k", "k", type=click.IntRange(1, MAX_K), default=10, show_default=True, help="Hits at most.")
@click.option(
    "--offset", type=click.IntRange(0, MAX_OFFSET), default=0, show_default=True, help="Best hits to leave out."
)
@click.option("--mode", type=click.Choice(["hybrid", "vector", "text"]), default="hybrid", show_default=True)
@click.option(
    "--where",
    multiple=True,
    help="FIELD=VALUE, FIELD=A,B (one of them), or with !=, >, >=, <, <=; repeated: all must hold. "
    'A dotted FIELD reaches into objects; quotes ("a, b") keep signs.',
)
@click.option("--min-score", type=float, help="Leave out hits whose final score is less.")
@click.option("--weights", metavar="VECTOR,TEXT", help="How much each list counts in mode hybrid; default 1,1.")
@click.option(
    "--feedback/--no-feedback", default=None, help="Search again with the best hits; default: as the domain is set."
)
@click.option("--rerank", is_flag=True, help="Order the best hits again by the configured reranker.")
@click.option("--explain", is_flag=True, help="Show how each hit got its score.")
@click.option("--like", metavar="UUID", help="Instead of a query: neighbours of this row.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def search_command(
    query: str, like: str | None, where: Sequence[str], weights: str | None, as_json: bool, **options: Any
) -> None:
    """Find rows of a domain."""
    if bool(query) == bool(like):
        raise click.UsageError("give a query, or --like UUID, and not both")
    given = {"query": query, "like": like, "where": list(where), "weights": _weights(weights)}
    request = SearchRequest.model_validate(given | options)
    parts = connected()
    result = search(parts.database, request, encoder=parts.encoder)
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)


def _weights(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        vector, words = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} is not two numbers, such as 1,0.5", param_hint="--weights") from exc
    return {"vector": vector, "text": words}


def _print(result: SearchResult) -> None:
    print_table(("score", "vector", "text", "id", "passage"), [_cells(hit) for hit in result.hits])
    if result.rerank is not None and not result.rerank.applied:
        click.echo(f"not reranked: {result.rerank.reason}", err=True)


def _cells(hit: SearchHit) -> tuple[object, ...]:
    scores = (hit.score, hit.vector_score, hit.text_score)
    shown = " ".join(str(value) for value in hit.payload.values()) if hit.passage is None else hit.passage.text
    return *(None if score is None else f"{score:.4f}" for score in scores), hit.id, " ".join(shown.split())[:SHOWN]
