"""A new epoch of a domain's log: every row at a new position, beyond all positions that any consumer can have."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from pc_worker.errors import InvalidRequest
from pc_worker.model.joined import is_joined_name
from pc_worker.store.db.connection import Cursor
from pc_worker.store.models.model_switch import lock_domain, relog, stamp_epoch

HEAD = "SELECT head FROM domains WHERE domain = %s"
LEAP = "UPDATE domains SET head = %s WHERE domain = %s"
# The positions that the log lost; never intact, so that readers find nothing there.
LOST = """
INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, intact, model_id)
VALUES (%s, %s, %s, %s, 0, false, %s)
"""
KNOWN = "SELECT domain FROM domains ORDER BY domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpoch:
    """A domain's new epoch: its rows are after position ``base``; before, the log ended at ``former_head``."""

    domain: str
    former_head: int
    base: int
    rows: int


def opened_domains(cursor: Cursor) -> list[str]:
    """Return the domains that have a log."""
    cursor.execute(KNOWN)
    return [domain for (domain,) in cursor.fetchall() if not is_joined_name(domain)]


def head_of(cursor: Cursor, domain: str) -> int:
    """Return the last position of the domain's log."""
    cursor.execute(HEAD, (domain,))
    (head,) = cursor.fetchone() or (0,)
    return int(head)


def begin_epoch(cursor: Cursor, domain: str, *, base: int | None, leap: int) -> NewEpoch:
    """Append every row again after position ``base``, or ``leap`` positions after the head.

    Raises:
        InvalidRequest: If the log already ends after ``base``.
    """
    model_id = lock_domain(cursor, domain)
    head = head_of(cursor, domain)
    reached = head + leap if base is None else base
    if reached < head:
        raise InvalidRequest(f"the log of {domain} ends at {head} already, beyond {reached}: give a later position")
    if reached > head:
        cursor.execute(LOST, (domain, head + 1, reached, str(uuid4()), model_id))
        cursor.execute(LEAP, (reached, domain))
    rows = relog(cursor, domain, model_id)
    stamp_epoch(cursor, domain)
    return NewEpoch(domain=domain, former_head=head, base=reached, rows=rows)
