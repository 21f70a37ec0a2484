"""What all requests share: settings, credentials, services, and the state of the shutdown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

import redis.asyncio
from fastapi import Depends, Request

from pc_worker.http.requests.authentication import Authenticator
from pc_worker.http.requests.limits import Limiter, Quotas
from pc_worker.http.service_threads import ServiceThreads
from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.uploads import UploadFolder
from pc_worker.settings import Settings
from pc_worker.store.log.read import Delivery


class JobQueue(Protocol):
    """The queue of jobs, which the command line connects with Celery: this package does not import it."""

    def check(self) -> None:
        """Check that the broker answers.

        Raises:
            Unavailable: If it does not.
        """

    def send(self, services: Services, job: Job) -> None:
        """Send what a job needs next: its ingest message, or its next chunks.

        Raises:
            Unavailable: If the broker does not accept a message; `reconcile` sends it later.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """What all requests share.

    Attributes:
        settings: The settings.
        authenticator: Returns what a request's token allows.
        services: Runs services in threads: the ledger, domains, dead letters.
        searches: Runs searches, in threads of their own with read-only connections: neither waits for the other.
        delivery: The database for coroutines: heads and log, through a few shared connections.
        redis: Redis for coroutines.
        limiter: Requests a minute, and the cost of searches.
        quotas: What may be open at once.
        uploads: The folder of uploaded files.
        queue: Sends jobs to the workers.
        stopping: Set when the shutdown begins: streams end then.
    """

    settings: Settings
    authenticator: Authenticator
    services: ServiceThreads
    searches: ServiceThreads
    delivery: Delivery
    redis: redis.asyncio.Redis
    limiter: Limiter
    quotas: Quotas
    uploads: UploadFolder
    queue: JobQueue
    stopping: asyncio.Event


def context_of(request: Request) -> AppContext:
    """Return what all requests share."""
    return cast(AppContext, request.app.state.context)


async def _given(request: Request) -> AppContext:
    """Return the same to a route: the framework would call a plain function in its own thread."""
    return context_of(request)


#: For parameters of routes: ``context: Context``.
Context = Annotated[AppContext, Depends(_given)]
