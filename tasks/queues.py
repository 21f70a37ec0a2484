"""The broker's queues. A worker takes from each in turn, so what has a queue of its own waits for nobody else's work.

Each domain has its own, so none starves another; in it small jobs have their own, so none waits behind a huge one.
"""

from __future__ import annotations

from collections.abc import Iterable

from kombu import Connection

from pc_worker.domains import domain_names

#: Where a plain client's messages arrive.
DEFAULT = "celery"
#: Of the version before; what still waits in them is done.
FORMER = ("pcw.split", "pcw.embed")


def split_queue(domain: str) -> str:
    """Give the queue of a domain's ``ingest_file`` messages."""
    return f"pcw.split.{domain}"


def chunk_queue(domain: str, *, small: bool) -> str:
    """Give the queue of the chunks of a domain's small, or of its other jobs."""
    return f"pcw.embed.{domain}.small" if small else f"pcw.embed.{domain}"


def work_queues(domain: str) -> list[str]:
    """Give the queues that hold work of a domain, and of no other."""
    return [split_queue(domain), chunk_queue(domain, small=True), chunk_queue(domain, small=False)]


def all_queues() -> list[str]:
    """Give the queues that a worker takes from."""
    work = [queue for domain in domain_names() for queue in work_queues(domain)]
    return [DEFAULT, *work, *FORMER, "pcw.search", "pcw.upkeep", "pcw.indexes", "pcw.delivery"]


def any_waiting(connection: Connection, queues: Iterable[str]) -> bool:
    """Tell whether a message waits in any of the queues."""
    client = connection.default_channel.client
    return any(client.llen(queue) for queue in queues)
