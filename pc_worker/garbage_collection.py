"""How often Python's garbage collector runs: hardly while a process starts, as usual from then on."""

from __future__ import annotations

import gc

#: New objects until the next collection. Python's default (700) makes hundreds of collections of one start, and later
#: one or two for each message of 300 rows, whose objects live for milliseconds.
STARTING, STARTED = 300_000, 50_000


def collect_rarely() -> None:
    """Let a start run almost without collections: it creates some hundred thousand objects, and nearly all stay."""
    gc.set_threshold(STARTING)


def end_of_start() -> None:
    """Collect as usual from now on, and never visit what the start created."""
    gc.freeze()
    gc.set_threshold(STARTED)
