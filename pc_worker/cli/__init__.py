"""The command line: one file a group of commands; errors become one line and an exit code here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from pc_worker import __version__
from pc_worker.cli import edge
from pc_worker.cli.arguments import strict

#: Command → the module that has it, loaded only when it is run, and its line in `--help`, which loads none of them.
COMMANDS = {
    "up": ("stack", "Run everything in the foreground until Ctrl-C."),
    "demo": ("demo", "Start everything, ingest the samples, stream them back, search them, stop."),
    "worker": ("stack", "Run a Celery worker."),
    "beat": ("stack", "Run the scheduler of maintenance tasks."),
    "gateway": ("stack", "Run the gRPC gateway."),
    "http": ("http", "Run the HTTP part."),
    "flower": ("stack", "Run the Flower dashboard, behind a password."),
    "migrate": ("migrate", "Apply the migrations this database lacks; safe to run again, and by several at once."),
    "doctor": ("doctor", "Check this installation; exits with 1 if something is wrong."),
    "health": ("health", "Ask the gateway whether it serves; exits with 0 if it does, with 69 if not."),
    "inspect": ("source", "Show what FILE contains: container, rows, columns, verdict; nothing of it is executed."),
    "rows": ("source", "Print the rows of FILE as JSON Lines, in normal form."),
    "plan": ("plan", "Estimate the ingest of FILE: rows, texts, tokens, time, memory and disk; nothing is written."),
    "ingest": ("ingest", "Enqueue FILES; each becomes a job."),
    "jobs": ("jobs", "List the jobs, newest first."),
    "status": ("jobs", "Show one job: the outcome of its rows, its seconds by stage, its expected end."),
    "cancel": ("jobs", "Cancel a job: what is stored stays, nothing more is written."),
    "resume": ("jobs", "Continue a failed or cancelled job where it stopped."),
    "stream": ("stream", "Print every row of a domain's log as JSON Lines: the wire's fields and the row's position."),
    "search": ("search", "Find rows of a domain."),
    "answer": ("answer", "Answer a question from a domain's rows, with citations; list, show and rate answers."),
    "prompts": ("answer", "List and compare the prompts that models are given."),
    "dead": ("dead", "List, show, retry or drop dead rows, each with its reason."),
    "forget": ("forget", "Remove rows with their vectors, terms and dead letters; consumers get tombstones."),
    "subscriptions": (
        "subscriptions",
        "List, seek, reshard and drop named consumers, and handle their dead letters.",
    ),
    "restored": ("restored", "Begin new epochs after the database was restored to an older state."),
    "index": ("index", "List, build and tune the vector indexes."),
    "domains": ("domains", "Compare domains as declared in the code and as stored in the database."),
    "models": ("models", "Download models, and use several in a domain: pull, backfill, compare, switch (back), drop."),
    "eval": ("evaluate", "Measure search with judged queries (JSON Lines or TREC), or answers with questions."),
    "bench": ("bench", "Measure NAME against its baseline, both in this run."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the documentation."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        loaded = importlib.import_module(f"pc_worker.cli.commands.{module}")
        command: click.Command = getattr(loaded, f"{cmd_name}_command")
        return strict(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        lines = {name: click.Command(name, help=line) for name, (_, line) in COMMANDS.items()}
        with formatter.section("Commands"):
            formatter.write_dl([(name, line.get_short_help_str(room)) for name, line in lines.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pc_worker")
def cli() -> None:
    """Take pickle files of records, embed them, keep them searchable, hand them to a Java batch server."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one line on stderr."""
    sys.set_int_max_str_digits(0)  # integers of any size are data; the reader bounds what a file may hold
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> object:
        # Not `cli.main`, which turns a reader that has gone into an exit code of its own.
        with cli.make_context("pc_worker", words) as context:
            return cli.invoke(context)

    return edge.run(work)
