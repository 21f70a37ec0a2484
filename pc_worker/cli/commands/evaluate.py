"""``eval``: how well search finds what judged queries ask for."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_table
from pc_worker.services.search.evaluate import draw, evaluate
from pc_worker.services.search.judgements import read_judgements


@click.command("eval")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--domain", default="document", show_default=True)
@click.option("--feedback", is_flag=True, help="Extend each query by its best rows; without it as the domain is set.")
@click.option("--png", type=click.Path(path_type=Path), help="Draw the measures into this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def eval_command(file: Path, domain: str, feedback: bool, png: Path | None, as_json: bool) -> None:
    """Measure every mode of search with the judged queries of FILE (JSON Lines or TREC).

    TREC judgements need a .queries file in the same folder.
    """
    judged = read_judgements(file)
    parts = connected()
    result = evaluate(parts.database, domain, judged, encoder=parts.encoder, feedback=feedback or None)
    if png is not None:
        draw(result, png)
    if as_json:
        print_json(result.to_dict())
        return
    rows = [(mode, *(f"{value:.4f}" for value in astuple(quality))) for mode, quality in result.modes.items()]
    print_table(("mode", "nDCG@10", "recall@10", "recall@100", "MRR"), rows)
    print(f"{result.queries} queries, {result.judgements} judgements, {result.missing} of rows that are not here")
