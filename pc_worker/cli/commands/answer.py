"""``answer``: cited answers from a domain's rows, and their record; ``prompts``: the prompts of models."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import click

from pc_worker.cli.arguments import AskedChoice, AskedNumber
from pc_worker.cli.context import connected, one_shot
from pc_worker.cli.default_command import DefaultGroup
from pc_worker.cli.options import DOMAIN, JSON
from pc_worker.cli.output import print_json, print_table, visible
from pc_worker.model.language_model import Expansion
from pc_worker.services.search.request import MAX_K
from pc_worker.wiring import make_services

if TYPE_CHECKING:
    from pc_worker.services.answers.answer import Answers
    from pc_worker.services.answers.request import Answer, AnswerRequest

WIDTH = 100
EXPANSIONS = get_args(Expansion)
EXPAND_HELP = "Have a model expand the question before the search; default: PC_WORKER_LLM_EXPAND."
LISTED = ("created_at", "answer_id", "domain", "state", "model", "cost_usd", "took_ms", "question")
USAGE = ("day", "domain", "token", "model", "answers", "cached", "refused", "failed", "input_tokens", "output_tokens")


@click.group("answer", cls=DefaultGroup, default="ask", subcommand_metavar="QUESTION --domain D | COMMAND [ARGS]...")
def answer_command() -> None:
    """Answer a question from a domain's rows, with citations; list, show and rate answers.

    `answer QUESTION --domain D` is short for `answer ask QUESTION --domain D`, which also asks a question that is the
    name of a command, such as "log". Needs PC_WORKER_LLM.
    """


@answer_command.command("ask")
@click.argument("question")
@DOMAIN
@click.option("-k", "k", type=AskedNumber(1, MAX_K), default=8, show_default=True, help="Rows to answer from, at most.")
@click.option("--where", multiple=True, help="A filter of the rows, as for `search`; repeated: all must hold.")
@click.option("--model", help="One of the models of PC_WORKER_LLM, by name; default: all, in their order.")
@click.option("--expand", type=AskedChoice(EXPANSIONS), help=EXPAND_HELP)
@JSON
def ask_command(
    question: str,
    domain: str,
    k: int,
    where: Sequence[str],
    model: str | None,
    expand: Expansion | None,
    as_json: bool,
) -> None:
    """Answer QUESTION; exits with 69 if no model is configured or none answers."""
    from pc_worker.services.answers.request import AnswerRequest
    from pc_worker.wiring.answers import OneThread, llm_models, make_answers

    settings = one_shot()
    request = AnswerRequest.model_validate(
        {"question": question, "domain": domain, "k": k, "where": list(where), "model": model, "expand": expand}
    )
    llm_models(settings).candidates(model)  # what is not configured is reported first
    services = make_services(settings, application="pc_worker cli")
    answer = asyncio.run(_asked(make_answers(settings, OneThread(services)), request))
    print_json(answer.to_dict()) if as_json else _print(answer)


async def _asked(answers: Answers, request: AnswerRequest) -> Answer:
    try:
        return await answers.answer(request)
    finally:
        await answers.close()


def _print(answer: Answer) -> None:
    for line in answer.answer.splitlines():
        for shown in textwrap.wrap(line, WIDTH) or [""]:
            print(visible(shown))
    for citation in answer.citations:
        shown = textwrap.shorten(citation.text, WIDTH - 8, placeholder=" …")
        place = f"{citation.start}–{citation.end}" if citation.joined is None else citation.joined.label
        print(visible(f"  [{citation.number}] {citation.id}  {place}"))
        print(visible(f"      {shown}"))
    cost = "price unknown" if answer.cost_usd is None else f"${answer.cost_usd:.6f}"
    source = "cache" if answer.cached else answer.model or "no model"
    tokens = f"{answer.input_tokens} + {answer.output_tokens} tokens"
    print(visible(f"{answer.id}: {source}, {tokens}, {cost}, {answer.took_ms:.0f} ms"), file=sys.stderr)


@answer_command.command("log")
@click.option("--domain", help="Of this domain only.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Answers at most.")
@JSON
def log_command(domain: str | None, limit: int, as_json: bool) -> None:
    """List the answers, newest first."""
    from pc_worker.services.answers.recorded import list_answers

    found = list_answers(connected().database, domain=domain, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(LISTED, [_row(answer) for answer in found])


def _row(answer: dict[str, Any]) -> list[Any]:
    question = textwrap.shorten(answer["question"] or "(not kept)", 60, placeholder=" …")
    return [*(answer[name] for name in LISTED[:-1]), question]


@answer_command.command("show")
@click.argument("answer_id", metavar="ID")
def show_command(answer_id: str) -> None:
    """Show all that is kept of an answer, as JSON: models tried, cost, citations."""
    from pc_worker.services.answers.recorded import show_answer

    print_json(show_answer(connected().database, answer_id))


@answer_command.command("rate")
@click.argument("answer_id", metavar="ID")
@click.argument("rating", type=click.Choice(["helpful", "neither", "wrong"]))
@click.option("--comment", help="What was right or wrong.")
def rate_command(answer_id: str, rating: str, comment: str | None) -> None:
    """Keep what a reader thinks of an answer."""
    from pc_worker.services.answers.recorded import rate

    value = {"helpful": 1, "neither": 0, "wrong": -1}[rating]
    rate(connected().database, answer_id, rating=value, comment=comment)


@answer_command.command("judge")
@click.argument("answer_ids", metavar="ID...", nargs=-1, required=True)
def judge_command(answer_ids: Sequence[str]) -> None:
    """Print answers that were rated helpful as judged queries for `eval`: the question, and the rows that it cites."""
    import json

    from pc_worker.services.answers.recorded import judged_query

    database = connected().database
    for answer_id in answer_ids:
        print(visible(json.dumps(judged_query(database, answer_id), ensure_ascii=False)))


@answer_command.command("usage")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="Days (UTC), today included.")
@JSON
def usage_command(days: int, as_json: bool) -> None:
    """Show answers, tokens and cost by day, domain, token and model."""
    from pc_worker.services.answers.recorded import usage

    found = usage(connected().database, days=days)
    if as_json:
        print_json(found)
        return
    columns = (*USAGE, "cost_usd")
    print_table(columns, [[item[name] for name in columns] for item in found["items"]])


@click.group("prompts")
def prompts_command() -> None:
    """List and compare the prompts that models are given."""


@prompts_command.command("list")
@JSON
def prompts_list_command(as_json: bool) -> None:
    """List the prompts with version and hash."""
    from pc_worker.services.answers.models.prompt_files import all_prompts

    found = [prompt.to_dict() for prompt in all_prompts()]
    if as_json:
        print_json(found)
        return
    names = ("name", "version", "hash", "characters")
    print_table(names, [[prompt[name] for name in names] for prompt in found])


@prompts_command.command("diff")
@click.argument("name")
@click.argument("other", required=False)
def prompts_diff_command(name: str, other: str | None) -> None:
    """Compare the newest version of NAME with OTHER: a version, a file, or the version before."""
    from pc_worker.services.answers.models.prompt_files import prompt_diff

    for line in prompt_diff(name, other).splitlines():
        print(visible(line))
