"""The command line: one file a group of commands; errors become one line and an exit code here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from pc_worker import __version__
from pc_worker.cli import edge
from pc_worker.cli.arguments import strict

#: Section of `--help` → command → the module that has it, loaded only when it is run, and its line in `--help`.
SECTIONS = {
    "Run": {
        "up": ("stack", "Run everything in the foreground until Ctrl-C."),
        "demo": ("demo", "Start everything, ingest the samples, stream them back, search them, stop."),
        "worker": ("stack", "Run a Celery worker."),
        "beat": ("stack", "Run the scheduler of maintenance tasks."),
        "gateway": ("stack", "Run the gRPC gateway."),
        "http": ("http", "Run the HTTP part: API and console."),
        "flower": ("stack", "Run the Flower dashboard, behind a password."),
        "migrate": ("migrate", "Apply the migrations this database lacks; safe to run again, and by several at once."),
    },
    "Check": {
        "doctor": ("doctor", "Check this installation; exits with 1 if something is wrong."),
        "health": ("health", "Ask the gateway whether it serves; exits with 0 if it does, with 69 if not."),
        "domains": ("domains", "Compare domains as declared in the code and as stored in the database."),
    },
    "Ingest": {
        "inspect": ("source", "Show what FILE contains: container, rows, columns, verdict; nothing of it is executed."),
        "rows": ("source", "Print the rows of FILE as JSON Lines, in normal form."),
        "plan": ("plan", "Estimate the ingest of FILE: rows, texts, tokens, time, memory, disk; nothing is written."),
        "ingest": ("ingest", "Enqueue FILES; each becomes a job."),
        "jobs": ("jobs", "List the jobs, newest first."),
        "status": ("jobs", "Show one job: the outcome of its rows, its seconds by stage, its expected end."),
        "cancel": ("jobs", "Cancel a job: what is stored stays, nothing more is written."),
        "resume": ("jobs", "Continue a failed or cancelled job where it stopped."),
        "dead": ("dead", "List, show, retry or drop dead rows, each with its reason."),
        "forget": ("forget", "Remove rows with their vectors, terms and dead letters; consumers get tombstones."),
    },
    "Search": {
        "search": ("search", "Find rows of a domain."),
        "answer": ("answer", "Answer a question from a domain's rows, with citations; list, show and rate answers."),
        "prompts": ("answer", "List and compare the prompts that models are given."),
        "eval": ("evaluate", "Measure search with judged queries (JSON Lines or TREC), or answers with questions."),
    },
    "Deliver": {
        "stream": ("stream", "Print every row of a domain's log as JSON Lines: the wire's fields and its position."),
        "subscriptions": (
            "subscriptions",
            "List, seek, reshard and drop named consumers, and handle their dead letters.",
        ),
    },
    "Maintain": {
        "index": ("index", "List, build and tune the vector indexes."),
        "models": ("models", "Download models; use several in a domain: pull, backfill, compare, switch (back), drop."),
        "restored": ("restored", "Begin new epochs after the database was restored to an older state."),
        "bench": ("bench", "Measure NAME against its baseline, both in this run."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name.

        Raises:
            UsageError: If there is none; it names those that are spelled alike.
        """
        if args[0] in COMMANDS or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        alike = get_close_matches(args[0], COMMANDS, n=2, cutoff=0.7)
        hint = f"did you mean {' or '.join(alike)}?" if alike else f"`{ctx.command_path} --help` lists them"
        raise click.UsageError(f"there is no command '{args[0]}': {hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        widest = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), line) for name, (_, line) in commands.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `demo`, or with `up` and, in a second terminal, `inspect FILE`, `ingest FILE --domain document "
    "--wait` and `search`. `COMMAND --help` shows the options of a command.",
)
@click.version_option(__version__, prog_name="pc_worker")
def cli() -> None:
    """Take pickle files of records, and other tables; embed them, search them, deliver them to a Java batch server."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one line on stderr."""
    sys.set_int_max_str_digits(0)  # integers of any size are data; the reader bounds what a file may hold
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> object:
        # Not `cli.main`, which turns a closed pipe into an exit code of Click.
        with cli.make_context("pc-worker", words) as context:
            return cli.invoke(context)

    return edge.run(work)
