"""The options that say how a file is read, the same for every command that reads one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def reading_options(command: Command) -> Command:
    """Add ``--delimiter``, ``--encoding`` and ``--sheet`` to a command."""
    for option in (
        click.option("--sheet", help="Sheet of a workbook, by name or number; default: the first."),
        click.option("--encoding", help="Encoding of a text table, such as cp949; default: by content."),
        click.option("--delimiter", help="Delimiter of a text table, such as ';' or tab; default: by content."),
    ):
        command = option(command)
    return command
