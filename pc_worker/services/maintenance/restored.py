"""After a restore: begin new epochs of the logs, so that no consumer takes new positions for lost ones."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.domains import get_domain
from pc_worker.errors import Unavailable
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.store.log import epochs
from pc_worker.store.log.epochs import NewEpoch

log = get_logger(__name__)

#: Positions skipped: more than any log can have grown since the backup. 2^63 positions are enough for 9·10⁹ restores.
LEAP = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Behind:
    """A domain whose hot buffer has newer rows than its log: the database was restored to an older state."""

    domain: str
    head: int
    queued: int


def begin_epochs(services: Services, domain: str | None, *, beyond: int | None) -> list[NewEpoch]:
    """Begin a new epoch of one domain or of all: every row is delivered again, after all positions used before.

    Args:
        services: This process's shared dependencies.
        domain: None = every domain that has a log.
        beyond: The last position that any consumer may have; None = a position that none can have reached.

    Raises:
        InvalidRequest: If the domain is unknown, or its log is already after that position.
    """
    if domain is not None:
        get_domain(domain)
    with services.database.transaction() as cursor:
        names = [name for name in epochs.opened_domains(cursor) if domain in (None, name)]
    begun = []
    for name in names:
        begun.append(_begin(services, name, beyond))
        _clear_queue(services, name)
    return begun


def _begin(services: Services, name: str, beyond: int | None) -> NewEpoch:
    return services.database.repeat(lambda cursor: epochs.begin_epoch(cursor, name, base=beyond, leap=LEAP))


def _clear_queue(services: Services, name: str) -> None:
    try:
        services.hot_buffer.clear(name)
    except Unavailable as exc:  # its entries are of another epoch now: no reader uses them
        log.info("queue_not_cleared", domain=name, reason=str(exc))


def domains_behind(services: Services) -> list[Behind]:
    """Return the domains whose hot buffer is ahead of their log.

    Raises:
        Unavailable: If PostgreSQL or Redis does not answer.
    """
    with services.database.transaction() as cursor:
        names = epochs.opened_domains(cursor)
    found = []
    for name in names:
        queued = services.hot_buffer.newest(name) or 0  # first: the log may grow meanwhile
        with services.database.transaction() as cursor:
            head = epochs.head_of(cursor, name)
        if queued > head:
            found.append(Behind(name, head, queued))
    return found
