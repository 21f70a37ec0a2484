"""Arguments for a command line: what its options expect, and invalid ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

#: Each stands for a kind.
ODD = (
    "", " ", "-", "--", "---", "-x", "--json", "=", "a=", "=a", "a=b=c", "\t", "a\nb", "\0", "a\0b",
    "\udcff", "caf\udce9", "\ud800", "\udfff\ud800", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\x7f",
    "\b\b\b",     "\u202egnp.exe", "\u2028", "\ufeff", "\u200d", "💣", "한글", "ﬁ", "İ", "٣", "１２", "²", "Ⅷ", "௧",
    "1_000", "+5", "-0", "0x10",
    "0b1", "1e400", "-1e400", "nan", "inf", "-inf", "1e-400", "0.1.2", "1,5", "NaN", "None",
    "null", "true", "{}", "[]", '{"a":1}',
    "'", '"', "`", "\\", "\\x1b", "%s", "%(x)s", "{}{0}", "$HOME", "'; DROP TABLE jobs; --", "*", "?", "[a-z]", "a;b",
    "a,b", ",",
    "/", "//", "..", "../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "~", "~nobody/x", "file:///x",
    "s3://b/k",
    "http://h", "://", "redis://u:secret@h", "a@b", ":", "h:", ":1", "h:99999",
    "127.0.0.1:1", "[::1]:1", "h:٣", "unix:/x", "dns:///x",
    "[red]x[/red]", "[/]", ":smile:", "<b>", "&amp;", "A" * 70_000, "9" * 5_000, "한" * 20_000, "a=" * 3_000,
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 7, 255, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**64), 10**30)
FIELDS = ("id", "text", "a.b", "", " ", "key", "한글", "٣", "a\x1b", "\udcff", "x" * 300)
OPERATORS = ("=", ">=", "<=", ">", "<", "!=", "==", "<>", "=>", "=<", "~", " = ", "!", ">>", "=>=")
KNOWN = ("document", "recruit", "candidate", "skill_dic", "nothing")


class Words:
    """Random words; ``files`` are paths worth trying."""

    def __init__(self, source: random.Random, *, files: Sequence[Path]) -> None:
        self._random, self._files = source, [str(file) for file in files]

    def odd(self) -> str:
        """Return an unexpected argument."""
        match self._random.randrange(4):
            case 0:
                return str(self._random.choice(NUMBERS))
            case 1:
                return "".join(map(self._character, range(self._random.randrange(12))))
            case _:
                return self._random.choice(ODD)

    def word(self, parameter: click.Parameter) -> str:
        """Return a value for a parameter: a possible one in two of three cases."""
        if self._random.randrange(3) == 0:
            return self.odd()
        if isinstance(parameter.type, click.Choice):
            return str(self._random.choice(parameter.type.choices))
        if isinstance(parameter.type, click.IntRange):
            return str(self._random.choice(NUMBERS))
        if isinstance(parameter.type, click.FloatRange):
            return str(self._random.choice((0, 0.5, 0.95, 1, -1, 1e300)))
        return self._named(parameter.name or "")

    def _named(self, name: str) -> str:
        match name:
            case "domain":
                return self._random.choice(("document", *KNOWN))
            case "file" | "files" | "png":
                return self._random.choice(self._files)
            case "where":
                operator, value = (
                    self._random.choice(OPERATORS),
                    self._random.choice((self.odd(), "1", "2024-01-01", "a,b")),
                )
                return self._random.choice(FIELDS) + operator + value
            case "like" | "ids" | "after":
                return self._random.choice(
                    (str(UUID(int=self._random.getrandbits(128))), str(UUID(int=0)), "5", "A" * 36)
                )
            case _:
                return self._random.choice(("text", "id", "one", "builtin", "done", "failed"))

    def _character(self, _: int) -> str:
        return chr(
            self._random.choice(
                (self._random.randrange(0x20), self._random.randrange(0x250), self._random.randrange(0x110000))
            )
        )
