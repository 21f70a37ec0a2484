"""What the test driver prints, read back."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.java import Java


@dataclass(frozen=True, slots=True)
class Read:
    """A run of the driver: its entries in order, and how it ended.

    Attributes:
        lines: One for each entry: kind, position, id, then NAME=VALUE.
        committed: How many of them were committed.
        end: `end`, or `error CLASS MESSAGE`; empty where the process died.
    """

    lines: list[list[str]]
    committed: int
    end: str

    @property
    def ids(self) -> list[str]:
        """Ids of rows and tombstones, in order."""
        return [line[2] for line in self.lines]

    @property
    def positions(self) -> list[int]:
        """Their positions."""
        return [int(line[1]) for line in self.lines]

    @property
    def fields(self) -> list[dict[str, str]]:
        """Their values."""
        return [dict(part.split("=", 1) for part in line[3:]) for line in self.lines]


def read_rows(java: Java, **options: object) -> Read:
    """Read with these options, in the JVM that all tests share, or in one that dies at a ``limit``."""
    arguments = [f"{name}={value}" for name, value in options.items()]
    if "limit" not in options:
        return parse(java.driver.ask(arguments))
    done = java.run("ReadRows", *arguments)
    assert done.returncode == 9, done.stderr
    return parse(done.stdout)


def parse(text: str) -> Read:
    """Take the driver's output apart."""
    entries: list[list[str]] = []
    committed, end = 0, ""
    for line in text.splitlines():
        if line == "commit":
            committed = len(entries)
        elif line == "end" or line.startswith("error "):
            end = line
        else:
            entries.append(line.split(" "))
    return Read(entries, committed, end)
