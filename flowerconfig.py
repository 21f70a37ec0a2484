"""Flower's settings, each with its reason; the address and the password come from ``./run flower``."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

import tornado.web as _web
from flower.views.monitor import Metrics

from pc_worker import garbage_collection as _garbage_collection

max_tasks = 5_000  # with the default of 100,000 memory grows for weeks
max_workers = 200
purge_offline_workers = 3_600  # seconds; a replaced container has another name
persistent = False  # the history is in the ledger: `jobs`, `status`

# Flower only shows; `cancel` and `resume` control jobs. `reconcile` would send a message that is revoked here again.
read_only = True

# Flower serves its metrics without a password, and they name workers and tasks. `/healthcheck` stays open, for probes
# without a secret: it answers OK and nothing else.
Metrics.get = _web.authenticated(Metrics.get)

_garbage_collection.end_of_start()  # all that Flower is has been imported by now

tasks_columns = "name,kwargs,result,state,runtime,received,worker"

#: The display form of a result that its task hides: a search's.
CUT_SHORT = "{, ...}"
#: Shown first: a cell of Flower's table ends after about 50 characters.
FIRST = ("chunk_no", "domain", "path", "result", "written", "unchanged", "skipped", "dead")


def format_task(task: Any) -> Any:
    """Show arguments and results as ``name=value`` lists."""
    task.kwargs = _readable(task.kwargs, without=(None, []))
    task.result = _readable(task.result, without=(None, [], 0))
    return task


def _readable(shown: str | None, *, without: Collection[object]) -> str | None:
    """Return ``a=1, b=2`` for the text of a dict; any other text stays as it is."""
    try:
        values = ast.literal_eval(shown or "")
    except (ValueError, SyntaxError):
        return "(rows, for its caller)" if shown == CUT_SHORT else shown
    if not isinstance(values, dict):
        return shown
    names = [name for name in FIRST if name in values] + [name for name in values if name not in FIRST]
    return ", ".join(f"{name}={values[name]}" for name in names if values[name] not in without)
