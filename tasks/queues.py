"""The broker's queues. A worker takes from each in turn, so no kind of work waits behind another.

Each domain has its own queues, so none starves another. Small jobs have one of their own in each domain, so none
waits behind a large one.
"""

from __future__ import annotations

from collections.abc import Iterable

from kombu import Connection

from pc_worker.domains import domain_names

#: Where the messages of a plain client arrive.
DEFAULT = "celery"
#: Queues of the previous version; their remaining messages are processed.
FORMER = ("pcw.split", "pcw.embed")


def split_queue(domain: str) -> str:
    """Return the queue of a domain's ``ingest_file`` messages."""
    return f"pcw.split.{domain}"


def chunk_queue(domain: str, *, small: bool) -> str:
    """Return the queue of the chunks of a domain's small jobs, or of its other jobs."""
    return f"pcw.embed.{domain}.small" if small else f"pcw.embed.{domain}"


def work_queues(domain: str) -> list[str]:
    """Return the queues that hold work of this domain only."""
    return [split_queue(domain), chunk_queue(domain, small=True), chunk_queue(domain, small=False)]


def all_queues() -> list[str]:
    """Return the queues that a worker takes from."""
    work = [queue for domain in domain_names() for queue in work_queues(domain)]
    return [DEFAULT, *work, *FORMER, "pcw.search", "pcw.upkeep", "pcw.indexes", "pcw.delivery"]


def any_waiting(connection: Connection, queues: Iterable[str]) -> bool:
    """Return whether a message waits in any of the queues."""
    client = connection.default_channel.client
    return any(client.llen(queue) for queue in queues)
