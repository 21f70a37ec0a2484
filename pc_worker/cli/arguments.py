"""What every argument is held to, whichever command it belongs to."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import click
from click.types import FloatParamType, IntParamType, StringParamType

from pc_worker.errors import InvalidRequest
from pc_worker.object_urls import is_url, read_url

#: What PostgreSQL and the wire hold at most.
LARGEST = 2**63 - 1
#: A whole number, as a request has it.
DIGITS = re.compile(r"\s*[+-]?[0-9]+\s*")


class Words(StringParamType):
    """Text that can be stored and sent: valid UTF-8 without NUL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text.

        Raises:
            BadParameter: If it is not UTF-8 or holds NUL.
        """
        text = super().convert(value, param, ctx)
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
            self.fail(f"'{text}' is not UTF-8 text", param, ctx)
        return text


class FileName(click.Path):
    """A file: unlike all other text, its name may hold any bytes but NUL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name.

        Raises:
            BadParameter: If it is empty or holds NUL.
        """
        if not value or "\0" in value or not _is_name(value):
            self.fail(f"'{value}' is no file name", param, ctx)
        return super().convert(value, param, ctx)


def _is_name(text: str) -> bool:
    try:
        return bool(os.fsencode(text))
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return False


#: Whether it can be read is found out when it is opened: a source that cannot be is rejected (65), not a usage error.
FILE = FileName(readable=False)


class Number(click.IntRange):
    """A whole number in plain digits, and within 64 bits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number.

        Raises:
            BadParameter: If it is none, or out of its range.
        """
        if isinstance(value, str) and not value.strip().removeprefix("-").removeprefix("+").isascii():
            self.fail(f"{value!r} is not a valid integer: write it in the digits 0 to 9", param, ctx)
        number = super().convert(value, param, ctx)
        if abs(number) > LARGEST:
            self.fail(f"{number} is out of range: 64 bits do not hold it", param, ctx)
        return number


class Measure(click.FloatRange):
    """A finite number within its range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number.

        Raises:
            BadParameter: If it is none, not finite, or out of its range.
        """
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()  # not "x<=None"


class AskedNumber(click.IntRange):
    """A whole number of a request, whose model checks it: an error is the same sentence as on every other face."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; another text as it is."""
        return int(value) if isinstance(value, str) and DIGITS.fullmatch(value) else _number_or_text(value)


class AskedMeasure(FloatParamType):
    """A number of a request, whose model checks it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; another text as it is."""
        return _number_or_text(value)


class AskedChoice(click.Choice[str]):
    """One of several words of a request, whose model checks it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word."""
        return value


def _number_or_text(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) and value.isascii() else value
    except ValueError:
        return value


class IsoTime(click.ParamType[datetime]):
    """A date and time in ISO 8601; without an offset it is UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time with its offset.

        Raises:
            BadParameter: If it is none.
        """
        try:
            time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time, as 2026-11-29T06:00:00+01:00", param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


def strict(command: click.Command) -> click.Command:
    """Hold a command's arguments, and its subcommands', to what every argument is held to."""
    for parameter in command.params:
        parameter.type = _strict_type(parameter.type)
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            strict(subcommand)
    return command


def _strict_type(kind: click.ParamType[Any]) -> click.ParamType[Any]:
    if type(kind) is StringParamType:
        return Words()
    if type(kind) is click.IntRange:
        return Number(kind.min, kind.max)
    if type(kind) is click.Path:
        return FileName(path_type=kind.type)
    if type(kind) is click.FloatRange:
        return Measure(kind.min, kind.max)
    if type(kind) is FloatParamType:
        return Measure()
    if type(kind) is IntParamType:
        return Number(-LARGEST, LARGEST)
    return kind


def whole_path(file: str) -> str:
    """Return the whole path of a file argument, or a URL in its one spelling.

    Raises:
        InvalidRequest: If it is relative to a folder that is gone, or a URL that cannot be a source.
    """
    if is_url(file):
        return str(read_url(file))
    try:
        return os.path.abspath(file)
    except OSError as exc:
        raise InvalidRequest(f"the working directory cannot be used ({exc.strerror}): change to another one") from exc
