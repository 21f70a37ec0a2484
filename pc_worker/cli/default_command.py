"""A group of commands of which one is the default: its name may be left out."""

from __future__ import annotations

from typing import Any

import click


class DefaultGroup(click.Group):
    """A group whose arguments are those of its command ``default``, unless they begin with the name of a command."""

    def __init__(self, *args: Any, default: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with the default's name in front where no command is named."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)
