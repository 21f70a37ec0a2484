"""The command line: one file a group of commands; errors become one line and an exit code here."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from pc_worker.errors import PcWorkerError

#: Command → the module that has it; loaded only when it is run, so that `--help` and small commands start at once.
COMMANDS = {
    "up": "stack",
    "demo": "demo",
    "worker": "stack",
    "beat": "stack",
    "gateway": "stack",
    "flower": "stack",
    "migrate": "migrate",
    "doctor": "doctor",
    "inspect": "source",
    "rows": "source",
    "plan": "plan",
    "ingest": "ingest",
    "jobs": "jobs",
    "status": "jobs",
    "cancel": "jobs",
    "resume": "jobs",
    "stream": "stream",
    "search": "search",
    "dead": "dead",
    "forget": "forget",
    "subscriptions": "subscriptions",
    "index": "index",
    "models": "models",
    "eval": "evaluate",
    "bench": "bench",
}

INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands in the order of the documentation."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and give a command."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"pc_worker.cli.{module}"), f"{cmd_name}_command")
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Take pickle files of records, embed them, keep them searchable, hand them to a Java batch server."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; whatever a user can meet is one line on stderr."""
    sys.set_int_max_str_digits(0)  # integers of any size are data; the reader bounds what a file may hold
    try:
        result = cli.main(args=arguments, prog_name="pc_worker", standalone_mode=False)
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except click.ClickException as exc:
        return _fail(exc.format_message(), exc.exit_code)
    except PcWorkerError as exc:
        return _fail(str(exc), exc.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _fail(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code
