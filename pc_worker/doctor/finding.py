"""A check of an installation and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pc_worker.errors import PcWorkerError, Unavailable


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, whether it passed, what was found, how to fix it."""

    check: str
    ok: bool
    found: str
    fix: str = ""


def run_check(check: str, fix: str, probe: Callable[[], str]) -> Finding:
    """Return the result of a probe, which returns what it found or raises an error that says what is wrong."""
    try:
        return Finding(check, True, probe())
    except (PcWorkerError, OSError) as exc:
        return Finding(check, False, str(exc), fix)


def ask_server(*checks: tuple[str, str, Callable[[], str]]) -> Iterator[Finding]:
    """Run the checks of one server; one that does not answer the first is not asked again: each try takes long."""
    away: Unavailable | None = None
    for place, (check, fix, probe) in enumerate(checks):
        if away is not None:
            yield Finding(check, False, str(away), fix)
            continue
        try:
            finding = Finding(check, True, probe())
        except (PcWorkerError, OSError) as exc:
            finding = Finding(check, False, str(exc), fix)
            away = exc if place == 0 and type(exc) is Unavailable else None
        yield finding
