"""``inspect`` and ``rows``: what is in a file, without executing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from pc_worker.cli.arguments import FILE, whole_path
from pc_worker.cli.context import one_shot
from pc_worker.cli.options import JSON, reading_options
from pc_worker.cli.output import print_json, print_json_line, print_table
from pc_worker.domains import Options, domain_names, get_domain, resolve
from pc_worker.errors import SchemaMismatch, SourceRejected
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.reader import Batch, Json, Limits, Rejected, Table
from pc_worker.services.sources import Sources, read_options, rejecting
from pc_worker.settings import Settings

ROWS_AT_ONCE = DEFAULT_CHUNK_ROWS


@click.command("inspect")
@click.argument("file", type=FILE)
@reading_options
@JSON
def inspect_command(file: str, delimiter: str | None, encoding: str | None, sheet: str | None, as_json: bool) -> None:
    """Show what FILE contains: container, rows, columns, verdict; nothing of it is executed."""
    options = read_options(delimiter, encoding, sheet)
    settings = one_shot()
    path = whole_path(file)
    sources = _sources(settings)
    report = sources.inspect(path, options)
    fault = None if report.error is None else SourceRejected(f"{path}: {report.error}")
    fitting = list[str]()
    try:
        fitting = [] if fault else _fitting(sources.open(path, options=options), path)
    except SourceRejected as exc:
        fault = exc
    _show(report.to_dict() | {"domains": fitting}, as_json=as_json)
    if fault is not None:
        raise fault


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    columns, spread = found.pop("columns"), found.pop("exploded_vectors")
    found["vectors in columns"] = [f"{name} ({length})" for name, length in spread.items()]
    print_table(("", ""), [(name, _shown(value)) for name, value in found.items() if _shown(value)])
    if columns:
        print()
        print_table(list(columns[0]), [[_shown(value) for value in column.values()] for column in columns])


def _shown(value: object) -> str:
    """Return a value for people; nothing for what is empty, or only for programs."""
    if value is None or isinstance(value, dict):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@click.command("rows")
@click.argument("file", type=FILE)
@reading_options
@click.option("--limit", type=click.IntRange(min=0), help="Rows at most.")
def rows_command(file: str, delimiter: str | None, encoding: str | None, sheet: str | None, limit: int | None) -> None:
    """Print the rows of FILE as JSON Lines, in normal form."""
    options = read_options(delimiter, encoding, sheet)
    settings = one_shot()
    path = whole_path(file)
    table = _sources(settings).open(path, options=options)
    end = table.rows if limit is None else min(limit, table.rows)
    for row in _rows(table, end, path):
        print_json_line(row)


def _rows(table: Table, end: int, path: str) -> Iterator[dict[str, Json]]:
    """Yield the first rows; what the caller does with them, and its errors, are not the file's."""
    with rejecting(path):
        for start in range(0, end, ROWS_AT_ONCE):
            batch = table.read(start, min(end, start + ROWS_AT_ONCE))
            for number in range(len(batch)):
                yield batch.normal_row(number)


def _sources(settings: Settings) -> Sources:
    return Sources(settings.roots, url_roots=settings.url_roots, spool=settings.spool, limits=Limits())


def _fitting(table: Table, path: str) -> list[str]:
    """Return the domains that the table fits; none if it has a column that cannot be read, as each needs all."""
    with rejecting(path):
        try:
            sample = table.read(0, min(table.rows, ROWS_AT_ONCE))
        except Rejected as error:
            if error.column is None:
                raise
            return []
    return [name for name in domain_names() if _fits(name, table, sample)]


def _fits(domain: str, table: Table, sample: Batch) -> bool:
    try:
        resolve(get_domain(domain), Options(), table.columns, sample, "")
    except SchemaMismatch:
        return False
    return True
