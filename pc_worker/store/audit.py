"""The audit table: what people did in the console."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pc_worker.store.db.connection import Cursor

INSERT = "INSERT INTO audit (caller, host, action, target, domain, outcome) VALUES (%s, %s, %s, %s, %s, %s)"
PAGE = """
SELECT audit_id, at, caller, host, action, target, outcome FROM audit
WHERE (%(before)s::bigint IS NULL OR audit_id < %(before)s)
  AND (%(domains)s::text[] IS NULL OR domain = ANY (%(domains)s) OR caller = %(caller)s)
ORDER BY audit_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action: when, by whom, from where, what, on what, and how it ended."""

    audit_id: int
    at: datetime
    caller: str
    host: str
    action: str
    target: Mapping[str, Any]
    outcome: str


def write_audit(
    cursor: Cursor, *, caller: str, host: str, action: str, target: Mapping[str, Any], outcome: str
) -> None:
    """Record an action."""
    text = json.dumps(target, default=str).replace("\\u0000", "")
    domain = target.get("domain")
    cursor.execute(INSERT, (caller, host, action, text, None if domain is None else str(domain), outcome))


def read_audit(
    cursor: Cursor, *, domains: Collection[str] | None, caller: str, before: int | None = None, limit: int
) -> list[AuditEntry]:
    """Return actions, newest first: those on these domains (None = all), and those of the caller itself."""
    known = None if domains is None else list(domains)
    cursor.execute(PAGE, {"before": before, "domains": known, "caller": caller, "limit": limit})
    return [AuditEntry(*row) for row in cursor.fetchall()]
