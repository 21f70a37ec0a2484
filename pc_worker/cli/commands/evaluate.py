"""``eval``: how well search finds what judged queries ask for, and how well answers cite it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import get_args

import click

from pc_worker.cli.context import connected, one_shot
from pc_worker.cli.default_command import DefaultGroup
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_table
from pc_worker.model.language_model import Expansion
from pc_worker.services.search.quality.evaluate import draw, evaluate
from pc_worker.services.search.quality.judgements import JudgedQuery, read_judgements

EXPAND_HELP = "Have a model of PC_WORKER_LLM expand each query before the search."
#: Seconds that a model may take for one query.
EXPAND_S = 30.0


@click.group("eval", cls=DefaultGroup, default="search", subcommand_metavar="FILE | COMMAND [ARGS]...")
def eval_command() -> None:
    """Measure search with judged queries (JSON Lines or TREC), or answers with questions.

    `eval FILE` is short for `eval search FILE`.
    """


@eval_command.command("search")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--domain", default="document", show_default=True, help="Name of the domain.")
@click.option("--feedback", is_flag=True, help="Extend each query by its best rows; without it as the domain is set.")
@click.option("--expand", type=click.Choice(get_args(Expansion)), default="off", show_default=True, help=EXPAND_HELP)
@click.option("--png", type=click.Path(path_type=Path), help="Draw the measures into this file.")
@JSON
def eval_search_command(
    file: Path, domain: str, feedback: bool, expand: Expansion, png: Path | None, as_json: bool
) -> None:
    """Measure every mode of search with the judged queries of FILE (JSON Lines or TREC).

    TREC judgements need a .queries file in the same folder.
    """
    judged = read_judgements(file)
    parts = connected()
    more = {} if expand == "off" else _expanded(judged, expand)
    result = evaluate(parts.database, domain, judged, encoder=parts.encoder, feedback=feedback or None, more=more)
    if png is not None:
        draw(result, png)
    if as_json:
        print_json(result.to_dict())
        return
    rows = [(mode, *(f"{value:.4f}" for value in astuple(quality))) for mode, quality in result.modes.items()]
    print_table(("mode", "nDCG@10", "recall@10", "recall@100", "MRR"), rows)
    print(f"{result.queries} queries, {result.judgements} judgements, {result.missing} of rows that are not here")
    if expand != "off":
        print(f"{result.expanded} queries were expanded by a model")


def _expanded(judged: Sequence[JudgedQuery], expand: Expansion) -> dict[str, tuple[str, ...]]:
    """Return what a model adds to each query; none for one that it does not expand."""
    import asyncio

    from pc_worker.services.answers.retrieval.expand import expanded_each
    from pc_worker.wiring.answers import llm_models

    async def expansions() -> dict[str, tuple[str, ...]]:
        models = llm_models(one_shot())
        try:
            return await expanded_each(models, (one.query for one in judged), expand, within_s=EXPAND_S)
        finally:
            await models.close()

    return asyncio.run(expansions())


@eval_command.command("answers")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--domain", default="document", show_default=True, help="Name of the domain.")
@click.option("--expand", type=click.Choice(get_args(Expansion)), default="off", show_default=True, help=EXPAND_HELP)
@click.option("--judge", is_flag=True, help="Have a model judge each answer, too.")
@JSON
def eval_answers_command(file: Path, domain: str, expand: Expansion, judge: bool, as_json: bool) -> None:
    """Measure answers to the questions of FILE: JSON Lines with question, relevant (rows) and facts.

    Questions without relevant rows must be refused.
    """
    import asyncio

    from pc_worker.services.answers.evaluate import AnswerQuality, evaluate_answers, read_cases
    from pc_worker.wiring.answers import OneThread, make_answers

    cases, settings, parts = read_cases(file), one_shot(), connected()

    async def measured() -> AnswerQuality:
        answers = make_answers(settings, OneThread(parts))
        answers.models.candidates()  # what is not configured is reported first
        try:
            return await evaluate_answers(answers, parts.database, domain, cases, judge=judge, expand=expand)
        finally:
            await answers.close()

    document = asyncio.run(measured()).to_dict()
    if as_json:
        print_json(document)
    else:
        print_table(("measure", "value"), list(document.items()))
