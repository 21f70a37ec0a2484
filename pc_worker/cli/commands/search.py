"""``search``: ranked hits by meaning, by words, or by both; or the neighbours of a row."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_table
from pc_worker.services.search.request import MAX_K, Mode, SearchHit, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.search.filters import parse_where

SHOWN = 100


@click.command("search")
@click.argument("query", required=False, default="")
@click.option("--domain", required=True)
@click.option("-k", "k", type=click.IntRange(1, MAX_K), default=10, show_default=True, help="Hits at most.")
@click.option("--mode", type=click.Choice(["hybrid", "vector", "text"]), default="hybrid", show_default=True)
@click.option("--where", multiple=True, help="FIELD=VALUE, FIELD>=VALUE or FIELD<=VALUE; repeated: all must hold.")
@click.option("--like", metavar="UUID", help="Instead of a query: neighbours of this row.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def search_command(
    query: str, domain: str, k: int, mode: Mode, where: Sequence[str], like: str | None, as_json: bool
) -> None:
    """Find rows of a domain."""
    if bool(query) == bool(like):
        raise click.UsageError("give a query, or --like UUID, and not both")
    request = SearchRequest(query=query, domain=domain, like=like, mode=mode, k=k, where=tuple(parse_where(where)))
    parts = connected()
    result = search(parts.database, request, encoder=parts.encoder)
    if as_json:
        print_json(result.to_dict())
        return
    print_table(("score", "vector", "text", "id", "row"), [_cells(hit) for hit in result.hits])


def _cells(hit: SearchHit) -> tuple[object, ...]:
    scores = (hit.score, hit.vector_score, hit.text_score)
    shown = hit.passage or " ".join(str(value) for value in hit.payload.values())
    return *(None if score is None else f"{score:.4f}" for score in scores), hit.id, " ".join(shown.split())[:SHOWN]
