"""The allow-list: exact names, and what a call of each means; everything else is refused."""

from __future__ import annotations

from pc_worker.reader.pickle.allow_list.registry import admitted, build, call, construct

__all__ = ["admitted", "build", "call", "construct"]
