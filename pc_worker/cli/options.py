"""Options that several commands have, each with the same text everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
DOMAIN = click.option("--domain", required=True, help="Name of the domain; `domains list` shows all.")


def reading_options(command: Command) -> Command:
    """Add ``--delimiter``, ``--encoding`` and ``--sheet``, which say how a file is read, to a command."""
    for option in (
        click.option("--sheet", help="Sheet of a workbook, by name or number; default: the first."),
        click.option("--encoding", help="Encoding of a text table, such as cp949; default: by content."),
        click.option("--delimiter", help="Delimiter of a text table, such as ';' or tab; default: by content."),
    ):
        command = option(command)
    return command
