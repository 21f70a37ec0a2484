"""How statements find a few rows by their keys: by a list of keys in one table, key by key in partitions.

The planner does not expect that a key is looked up in its own part only. So in partitions it estimates the rows of each
key of a list in each part, which takes longer than the look-ups, or reads whole parts: the update of 300 rows in 16
parts took 40 ms, key by key it takes 10. In one table a list is safer: key by key, the planner may choose an index of
the domain alone, if the domain is not in the statistics yet, and read it again for each key.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

from pc_worker.model.joined import SUFFIX
from pc_worker.store.db.connection import Cursor

#: Before statements that join a few keys with a large table: each key is looked up.
BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
#: Seconds for which a session remembers an answer: a wrong one makes statements slower, not wrong.
REMEMBERED_S = 60.0
IS_PARTITIONED = f"""
SELECT EXISTS (SELECT FROM partitions p
               WHERE p.done_at IS NOT NULL AND %(domain)s IN (p.domain, p.domain || '{SUFFIX}'))
"""

_remembered: WeakKeyDictionary[Any, dict[str, tuple[bool, float]]] = WeakKeyDictionary()


def is_partitioned(cursor: Cursor, domain: str) -> bool:
    """Return whether the domain has partitions of its own, as it was at most a minute ago."""
    known = _remembered.setdefault(cursor.connection, {})
    answer, until = known.get(domain, (False, 0.0))
    if until < time.monotonic():
        cursor.execute(IS_PARTITIONED, {"domain": domain})
        answer = cursor.fetchone() == (True,)
        known[domain] = (answer, time.monotonic() + REMEMBERED_S)
    return answer


def by_key(cursor: Cursor, domain: str, statement: str) -> str:
    """Return a statement that joins a few keys with a large table, for a domain in one table or in partitions."""
    return f"{BY_KEY}; {statement}" if is_partitioned(cursor, domain) else statement
