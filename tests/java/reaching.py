"""The driver that reaches gateways in many ways, and what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.java import Java


@dataclass(frozen=True, slots=True)
class Reached:
    """A case of the driver: how it ended, and the events of its listener."""

    outcome: str
    events: list[str]

    @property
    def values(self) -> dict[str, str]:
        """The NAME=VALUE parts of the outcome."""
        return dict(word.split("=", 1) for word in self.outcome.split() if "=" in word)


def reach(java: Java, cases: Mapping[str, Mapping[str, object]]) -> dict[str, Reached]:
    """Run all cases in one JVM; return the outcome of each by its label."""
    arguments = [
        " ".join([label, *(f"{name}={value}" for name, value in options.items())]) for label, options in cases.items()
    ]
    done = java.run("Reach", *arguments)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        label, outcome, events = line.split("\t")
        found[label] = Reached(outcome, events.split())
    return found
