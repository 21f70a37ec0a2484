"""``search``: ranked hits by meaning, by words, or by both; or the neighbours of a row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, get_args

import click

from pc_worker.cli.arguments import AskedChoice, AskedMeasure, AskedNumber
from pc_worker.cli.context import connected
from pc_worker.cli.options import DOMAIN, JSON
from pc_worker.cli.output import load_tables, print_json
from pc_worker.services.search.early_encoder import begin_to_load
from pc_worker.services.search.request import MAX_K, MAX_OFFSET, Mode, SearchRequest


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
    # At its import numpy starts a thread a core, which waits busily: one query has no use for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parts = connected()
    begin_to_load(parts, request)
    # While the model is loaded, mostly outside Python:
    if not as_json:
        load_tables()
    from pc_worker.cli.hits import show
    from pc_worker.services.search.search import search

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
