"""``http``: run the HTTP part, with Celery as its queue."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from pc_worker.cli.commands.stack import line_part
from pc_worker.cli.process_exit import end_now
from pc_worker.garbage_collection import end_of_start
from pc_worker.metrics.exporting import export_part
from pc_worker.model import Job
from pc_worker.services.dependencies import Services
from pc_worker.tracing import flush_spans, set_up_tracing


class CeleryQueue:
    """The queue of jobs, in Celery's broker."""

    def check(self) -> None:
        """Check that the broker answers.

        Raises:
            Unavailable: If it does not.
        """
        from tasks.send import check_broker

        check_broker()

    def send(self, services: Services, job: Job) -> None:
        """Send what a job needs next.

        Raises:
            Unavailable: If the broker does not accept a message.
        """
        from tasks.send import send_job

        send_job(services, job)


@click.command("http")
def http_command() -> None:
    """Run the HTTP part: API and console."""
    settings = line_part()
    from pc_worker.http.server import serve

    export_part(settings, pool=False)
    set_up_tracing("http")

    def ready(addresses: Sequence[str]) -> None:
        end_of_start()
        print(f"http listens on {', '.join(addresses)}", file=sys.stderr, flush=True)

    asyncio.run(serve(settings, CeleryQueue(), on_ready=ready))
    flush_spans()
    end_now(0)
