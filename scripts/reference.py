"""Write the reference pages from the code itself: commands, tasks, metrics, HTTP calls; tables of settings and formats.

``python -m scripts.reference`` writes them; ``--check`` changes nothing and exits with 1 if a page is not current.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from prometheus_client import REGISTRY

import pc_worker
from pc_worker import settings
from pc_worker.cli import cli
from pc_worker.metrics.multiprocess import Counter, Gauge, Histogram
from pc_worker.reader.formats.registry import all_formats

PROJECT = settings.PROJECT
PAGES = PROJECT / "docs" / "reference"
NOTE = "<!-- Written by `python -m scripts.reference`: change the code, then run it. -->\n"
NO_SERVERS = {
    "PC_WORKER_DATABASE_URL": "postgresql://localhost/none",
    "PC_WORKER_REDIS_URL": "redis://localhost:1/0",
    "PC_WORKER_DATA_ROOTS": "/tmp",  # noqa: S108 - nothing is read there
}
CLI_HEAD = (
    "# Command line",
    "",
    "`./run`, `pc-worker` and `python -m pc_worker` are the same program. Data goes to stdout, all else to stderr.",
    "The [exit codes](../../README.md#exit-codes) are the same for all commands.",
    "",
)
HTTP_HEAD = (
    "# HTTP calls",
    "",
    "`/openapi.json` describes every request and response, `/docs` shows them. Errors are RFC 9457 problem documents",
    "with a stable `code`; lists take `limit` and the opaque `cursor`. Where tokens are set, a call needs one with its",
    "role: `Authorization: Bearer TOKEN`. Clients of other products: [integrations](../integrations.md).",
    "",
    "| call | role | what it does |",
    "|---|---|---|",
)


def main(arguments: list[str]) -> int:
    """Write the pages, or only compare them; return the exit code."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(PROJECT)} is not current: run python -m scripts.reference")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
    return 0


def pages() -> dict[Path, str]:
    """Return the text of each generated page."""
    readme, reader = PROJECT / "README.md", PROJECT / "docs/explanation/reader.md"
    return {
        readme: _with_table(readme, "settings", settings_table()),
        reader: _with_table(reader, "formats", formats_table()),
        PAGES / "cli.md": NOTE + "\n".join([*CLI_HEAD, *_command_lines(cli, "pc-worker")]),
        PAGES / "tasks.md": NOTE + tasks_page(),
        PAGES / "metrics.md": NOTE + metrics_page(),
        PAGES / "http.md": NOTE + http_page(),
    }


def _with_table(page: Path, name: str, table: str) -> str:
    """Return the text of a page with another table between its marks."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    return before + begin + table + end + rest.partition(end)[2]


def formats_table() -> str:
    """Return a table of every format of files, from the registry of the reader."""
    rows = [f"| {known.name} | {known.how} |" for known in all_formats()]
    return "\n".join(["| format | how it is read |", "|---|---|", *rows, ""])


def settings_table() -> str:
    """Return a table of every setting, with its default and the comment that describes it in the code."""
    meanings = _field_comments(settings.Settings)
    rows = []
    for name in meanings:
        field = settings.Settings.model_fields[name]
        variable = f"`{settings.PREFIX}{name.upper()}`"
        if name in settings.SECRETS:
            variable += f", `{settings.PREFIX}{name.upper()}_FILE`"
        rows.append(f"| {variable} | {_default(field.get_default(call_default_factory=True))} | {meanings[name]} |")
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def tasks_page() -> str:
    """Return a table of the Celery tasks: arguments, queue and what they do."""
    os.environ.update(NO_SERVERS)  # Celery's configuration wants a broker's address; nothing connects to it
    from celeryconfig import task_routes
    from tasks.app import app
    from tasks.call import argument_names

    app.loader.import_default_modules()
    rows = []
    for name, task in sorted(app.tasks.items()):
        if name.startswith("pc_worker."):
            queue = task_routes.get(name, {}).get("queue")
            fields = task.arguments.model_fields
            arguments = [_argument(field, fields[field]) for field in argument_names(task.arguments)]
            shown = f"`{queue}`" if queue else "of the domain"
            rows.append(f"| `{name}` | {', '.join(arguments)} | {shown} | {_summary(task.run)} |")
    head = (
        "# Celery tasks",
        "",
        "Call them by name with keyword arguments, as JSON. An argument without a default is required.",
        "",
        "| task | arguments | queue | what it does |",
        "|---|---|---|---|",
    )
    return "\n".join([*head, *rows, ""])


def http_page() -> str:
    """Return a table of the HTTP calls: the role that each needs, and what it does."""
    from fastapi.routing import APIRoute

    from pc_worker.http.routers import ROUTERS

    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = [route for route in routes if route.include_in_schema or not _is_page(route)]
    rows = []
    for route in routes:
        call = f"{min(route.methods or ())} {route.path.replace(':path', '')}"
        rows.append(f"| `{call}` | {_role(route.dependant)} | {_summary(route.endpoint)} |")
    return "\n".join([*HTTP_HEAD, *rows, ""])


def _is_page(route: Any) -> bool:
    """Return whether a route is a page of the console."""
    return str(route.endpoint.__module__).startswith("pc_worker.http.console")


def _role(dependant: Any) -> str:
    """Return the role that a route needs; empty without one."""
    from pc_worker.http.requests.roles import Needs

    own = dependant.call.role if isinstance(dependant.call, Needs) else ""
    return own or "".join(map(_role, dependant.dependencies))


def metrics_page() -> str:
    """Return a table of the Prometheus metrics with kind, labels and meaning."""
    found: dict[str, tuple[str, tuple[str, ...], str]] = {}
    for module in _metric_modules():
        for name, (meaning, labels) in getattr(module, "GAUGES", {}).items():
            found[name] = ("gauge", labels, meaning)
    for metric in set(REGISTRY._names_to_collectors.values()):
        if isinstance(metric, Counter | Gauge | Histogram) and metric._name.startswith("pcw_"):
            name = metric._name + ("_total" if isinstance(metric, Counter) else "")
            found[name] = (metric._type, tuple(metric._labelnames), metric._documentation)
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning.rstrip('.')} |"
        for name, (kind, labels, meaning) in sorted(found.items())
    ]
    return "\n".join(["# Metrics", "", "| metric | kind | labels | meaning |", "|---|---|---|---|", *rows, ""])


def _metric_modules() -> Iterator[ModuleType]:
    """Import every module of metrics, which registers them."""
    for module in pkgutil.walk_packages(pc_worker.__path__, "pc_worker."):
        if "metrics" in module.name:
            yield importlib.import_module(module.name)


def _command_lines(command: click.Command, path: str, level: int = 2) -> Iterator[str]:
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
    if not isinstance(command, click.Group) or level > 2:
        yield from (f"{'#' * (level - 1)} `{path}`", "", "```text", command.get_help(context), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            if sub is not None and not sub.hidden:
                yield from _command_lines(sub, f"{path} {name}", level + 1)


def _field_comments(kind: type) -> dict[str, str]:
    """Return the ``#:`` comment above each field of a class, then of its bases in ``pc_worker``."""
    found: dict[str, str] = {}
    for part in kind.__mro__:
        if part.__module__.startswith("pc_worker."):
            found = {**found, **_own_comments(inspect.getsource(part))}
    return found


def _own_comments(source: str) -> dict[str, str]:
    lines = source.splitlines()
    fields = ast.parse(source).body[0]
    found = {}
    for node in fields.body if isinstance(fields, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign):
            first = node.lineno - 1
            while lines[first - 1].strip().startswith("#:"):
                first -= 1
            comment = " ".join(line.strip().removeprefix("#:").strip() for line in lines[first : node.lineno - 1])
            found[ast.unparse(node.target)] = comment.replace("|", "\\|")
    return found


def _default(value: Any) -> str:
    if value in (None, "", ()):
        return "unset"
    if isinstance(value, Path):
        return f"`{os.path.relpath(value, PROJECT)}`"
    return f"`{int(value) if isinstance(value, bool | float) else value}`"


def _argument(name: str, field: Any) -> str:
    return f"`{name}`" if field.is_required() else f"`{name}={field.default!r}`"


def _summary(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
