"""``index``: the vector indexes, built after loads and tuned to a recall."""

from __future__ import annotations

import sys

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_table, visible
from pc_worker.services.search.index import indexes
from pc_worker.store.db.connection import Database
from pc_worker.store.search.index.catalog import IndexState
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import Precision
from pc_worker.store.search.words.splitting import RULES

DOMAIN = click.option("--domain", help="Only this domain.")
COLUMNS = ("domain", "model", "vectors", "index", "built with", "size", "breadth", "recall@10 mean", "min", "terms")
MB = 1 << 20


@click.group("index")
def index_command() -> None:
    """List, build and tune the vector indexes."""


@index_command.command("status")
@DOMAIN
def show_status(domain: str | None) -> None:
    """Show what exists, and how well it finds."""
    print_table(COLUMNS, [_cells(state) for state in indexes.index_status(connected().database, domain)])


@index_command.command("build")
@DOMAIN
@click.option("--method", type=click.Choice(["hnsw", "ivfflat"]), help="Instead of the choice by size and memory.")
@click.option("--half", is_flag=True, help="Half precision: half the size.")
@click.option("--binary", is_flag=True, help="One bit per number; the nearest are compared by their vectors.")
@click.option("--dimensions", type=click.IntRange(1), help="Only the first numbers, for models trained for it.")
@click.option("--terms", is_flag=True, help="Instead, replace search terms that were made by older rules.")
def build(
    domain: str | None, method: Method | None, half: bool, binary: bool, dimensions: int | None, terms: bool
) -> None:
    """Build indexes where they pay off, replace the old ones without downtime, and tune.

    Method and precision are chosen by the memory of the database server: this machine's if it runs here, otherwise
    effective_cache_size. With --terms, no vector index is built.

    Searches and jobs continue meanwhile; after an interruption, run it again.
    """
    if half and binary:
        raise click.UsageError("--half and --binary exclude each other")
    database = connected().database
    if terms:
        _build_terms(database, domain)
        return
    precision: Precision | None = "half" if half else "binary" if binary else None
    built = indexes.build_indexes(database, domain, method=method, precision=precision, first=dimensions)
    for name, why in built.items():
        print(visible(f"built: {name} ({why})"))
    if not built:
        print(visible(indexes.why_nothing_was_built(indexes.index_status(database, domain))))


def _build_terms(database: Database, domain: str | None) -> None:
    from rich.console import Console  # not loaded by the other commands
    from rich.progress import Progress

    from pc_worker.services.search.index.reindex import reindex_terms

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        line = progress.add_task("search terms", total=None)
        done = reindex_terms(
            database, domain, progress=lambda name, rows: progress.update(line, description=f"{name}: {rows:,} rows")
        )
    told = ", ".join(f"{name} ({rows:,} rows)" for name, rows in done.items())
    print(visible(f"terms replaced: {told}" if told else "all terms are by the present rules"))


@index_command.command("tune")
@DOMAIN
@click.option("--recall", type=click.FloatRange(0, 1), default=0.95, show_default=True, help="Mean recall@10 to reach.")
def tune(domain: str | None, recall: float) -> int:
    """Choose the least breadth of search that reaches the recall, and use it."""
    tuned = indexes.tune_indexes(connected().database, domain, recall=recall)
    rows = [(t.domain, t.breadth, f"{t.recall.mean:.4f}", f"{t.recall.least:.2f}", t.reached) for t in tuned]
    print_table(("domain", "breadth", "recall@10 mean", "min", "reached"), rows)
    return 0 if all(t.reached for t in tuned) else 1


def _cells(state: IndexState) -> tuple[object, ...]:
    model = state.model if state.active else f"{state.model} (not active)"
    own = (state.domain, model, f"{state.vectors:,}")
    built = state.built
    if built is None:
        return *own, "none: all vectors are compared", None, None, None, None, None, _terms(state)
    lists = f"{built.lists} lists" if built.lists else ""
    method = ", ".join(filter(None, (built.method, str(built.form(state.dimension)), lists)))
    recall = [None if value is None else f"{value:.4f}" for value in (built.recall_mean, built.recall_min)]
    return *own, method, f"{built.vectors:,}", f"{built.size_bytes / MB:.0f} MB", built.breadth, *recall, _terms(state)


def _terms(state: IndexState) -> str | None:
    if state.oldest_rules is None or not state.active:
        return None
    return (
        "current"
        if state.oldest_rules >= RULES
        else f"by rules {state.oldest_rules} of {RULES}: run `index build --terms`"
    )
