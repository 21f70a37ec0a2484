"""``bench``: each measures us and a named baseline in one run, and prints the ratio."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from typing import Any

import click

from pc_worker.cli.context import one_shot
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_table

#: Benchmark → its module.
NAMES = {
    "reader": "reader.compare",
    "encode": "encode.compare",
    "upsert": "upsert",
    "gateway": "gateway.compare",
    "search": "search.compare",
    "http": "http.compare",
    "e2e": "e2e",
    "answers": "answers.compare",
}
AGAINST_REFERENCE = ("encode", "e2e")


@click.command("bench")
@click.argument("name", type=click.Choice(list(NAMES)))
@click.option("--rows", type=click.IntRange(min=1_000), help="Rows to search, of search and http [100000].")
@click.option("--uploads", type=click.IntRange(min=2), help="Uploads, of http [100].")
@click.option("--upload-mb", type=click.IntRange(min=1), help="MB of one upload, of http [100].")
@JSON
@click.option("--plain-cpu", is_flag=True, help="Without SHA extensions and AVX-512, where libraries can.")
def bench_command(name: str, as_json: bool, plain_cpu: bool, **sizes: int | None) -> None:
    """Measure NAME against its baseline, both in this run.

    Absolute times say nothing about another machine.
    """
    one_shot()
    if plain_cpu:
        from pc_worker.bench.plain_cpu import start_again_plain

        start_again_plain()
    if name in AGAINST_REFERENCE and find_spec("sentence_transformers") is None:
        from pc_worker.encoding.backends.torch_backend import NOT_INSTALLED

        raise click.UsageError(NOT_INSTALLED)
    try:
        module = importlib.import_module(f"pc_worker.bench.{NAMES[name]}")
    except ModuleNotFoundError as exc:
        raise click.UsageError(f"bench {name} is not part of this version") from exc
    result: Any = module.run(**_accepted(name, module.run, sizes))
    if as_json:
        print_json(result.to_dict())
    else:
        rows = [
            (f.label, *map(readable, (f.ours, f.baseline, f.ratio, f.must, f.target)), f.unit) for f in result.figures
        ]
        click.echo(f"processor: {result.processor}")
        print_table(("what", "ours", "baseline", "ratio", "must", "target", "unit"), rows)


def readable(number: float | None) -> str:
    """Return a number with three significant digits, or all digits before the point; nothing for None."""
    if number is None:
        return ""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _accepted(name: str, run: Callable[..., Any], sizes: Mapping[str, int | None]) -> dict[str, int]:
    """Return the sizes that were given.

    Raises:
        click.UsageError: If the benchmark has no such size.
    """
    given = {size: value for size, value in sizes.items() if value is not None}
    for size in given:
        if size not in signature(run).parameters:
            raise click.UsageError(f"bench {name} has no --{size.replace('_', '-')}")
    return given
