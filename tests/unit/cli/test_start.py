"""Commands start at once: none loads what it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from pc_worker.cli import COMMANDS, cli

HEAVY = {
    "anthropic",
    "fastapi",
    "grpc",
    "mcp",
    "onnxruntime",
    "openai",
    "pandas",
    "pyarrow",
    "pydantic_ai",
    "sentence_transformers",
    "tokenizers",
    "torch",
    "transformers",
    "uvicorn",
}
#: What only asks the ledger does without these, too.
LEDGER = HEAVY | {
    "celery",
    "filelock",
    "numpy",
    "pc_worker.embedded.embedded_servers",
    "pc_worker.reader",
    "prometheus_client",
    "redis",
    "structlog",
}
#: Nothing answers on the ports: a command loads all it needs, and finds that out then.
AWAY = {
    "PC_WORKER_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/none",
    "PC_WORKER_REDIS_URL": "redis://127.0.0.1:1",
    "PC_WORKER_DATA_ROOTS": "/",
}
RUN = "import json, sys; from pc_worker.cli import main; code = main(); print(json.dumps([code, sorted(sys.modules)]))"


def loaded(*arguments: str) -> tuple[int, set[str]]:
    """Run a command; return its exit code and every module that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=os.environ | AWAY, capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    ("arguments", "code", "without"),
    [
        (("--help",), 0, LEDGER | {"pydantic", "psycopg2", "rich"}),
        (("jobs",), 69, LEDGER),
        (("status", "a"), 69, LEDGER),
        (("search", "words", "--domain", "document"), 69, HEAVY | {"celery", "numpy", "redis", "rich", "structlog"}),
        (("search", "words", "--domain", "document", "--mode", "text"), 69, HEAVY | {"celery", "redis", "structlog"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: tuple[str, ...], code: int, without: set[str]) -> None:
    ended, modules = loaded(*arguments)

    assert ended == code
    assert modules & without == set()


def test_the_help_shows_what_the_commands_say_of_themselves() -> None:
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in COMMANDS}

    own = {name: command.get_short_help_str(limit=1000) for name, command in commands.items() if command is not None}

    assert own == {name: line for name, (_, line) in COMMANDS.items()}


#: What no part loads before it is used: models, tables, engines, and the libraries of what few installations turn on.
PARTS = HEAVY - {"fastapi", "uvicorn"}


@pytest.mark.parametrize(
    ("imports", "without"),
    [
        ("import pc_worker.http.server", PARTS | {"celery", "jwt"}),
        ("from tasks.app import app; app.conf.task_queues", HEAVY | {"pc_worker.reader.inspection", "tasks.ingest"}),
        ("from tasks.app import app; app.loader.import_default_modules()", HEAVY - {"tokenizers"}),
    ],
    ids=["http", "beat and flower", "worker"],
)
def test_a_part_loads_only_what_it_needs(imports: str, without: set[str]) -> None:
    script = f"{imports}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | AWAY, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & without == set()


def test_what_loads_a_model_that_is_there_takes_no_lock() -> None:
    script = "import pc_worker.encoding.loading, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | AWAY, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & {"filelock", "torch", "transformers"} == set()


#: A command and its exit code; and whether the collector leaves alone most objects that are left.
ENDED = (
    "import gc, pc_worker.__main__ as m; code = m.main(); print(code, gc.get_freeze_count() > len(gc.get_objects()))"
)


def test_the_end_of_a_command_looks_for_no_garbage() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED, "jobs"], env=os.environ | AWAY, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["69", "True"]


def test_no_package_is_asked_whether_it_is_a_plugin() -> None:
    script = (
        "import pc_worker.__main__, pc_worker.settings, pydantic.plugin._loader as loader; "
        "print(loader._plugins, len(list(loader.get_plugins())))"
    )
    kept = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    done = subprocess.run([sys.executable, "-c", script], env=kept | AWAY, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["None", "0"]


@pytest.mark.parametrize("first", ["pc_worker.__main__", "tasks"])
def test_a_start_is_hardly_collected_and_later_never_visited(first: str) -> None:
    script = (
        f"import gc, {first}; from pc_worker.garbage_collection import *; "
        "at_start = gc.get_threshold()[0]; end_of_start()"
    )
    report = "print(at_start, gc.get_threshold()[0], gc.get_freeze_count() > 1000)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; {report}"], env=os.environ | AWAY, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["300000", "50000", "True"]


#: Ctrl-C while the command line is being imported.
INTERRUPTED_IMPORT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "pc_worker.cli.arguments":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from pc_worker.__main__ import main
sys.argv = ["pc-worker", "jobs"]
main()
"""


def test_an_interrupt_during_the_imports_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], env=os.environ | AWAY, capture_output=True)

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
