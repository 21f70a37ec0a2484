"""The traces of tasks: messages carry the context in their headers, and each task is a span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celery import Task, signals

from pc_worker.tracing import carrying, flush_spans, inject, set_up_tracing, span

#: The tasks that are traced: maintenance, which comes every few seconds, is not.
TRACED = {"pc_worker.ingest_file": "ingest_file", "pc_worker.process_chunk": "process_chunk"}
TRACED |= {"pc_worker.search": "search", "pc_worker.push_to_batch_server": "push_to_batch_server"}
HEADERS = ("traceparent", "tracestate", "baggage")


@signals.before_task_publish.connect
def _add_context(headers: dict[str, Any], **_: Any) -> None:
    inject(headers)


@signals.worker_process_init.connect
def _begin(**_: Any) -> None:
    set_up_tracing("worker")


@signals.worker_process_shutdown.connect
def _end(**_: Any) -> None:
    flush_spans()


@contextmanager
def traced(task: Task, kwargs: Mapping[str, Any]) -> Iterator[None]:
    """Trace one run of a task, as a child of the span that its message names.

    The chunks of a job belong to its `ingest_file`, not to the chunk whose end sent their message.
    """
    name = TRACED.get(task.name)
    if name is None:
        yield
        return
    received = context_of(task)
    ids = {f"pcw.{key}": kwargs.get(key) for key in ("job_id", "chunk_no", "domain")}
    known = {key: value for key, value in ids.items() if isinstance(value, int | str)}
    attributes = {"messaging.system": "celery", "messaging.message.id": task.request.id, **known}
    with span(name, attributes, kind="consumer", parent=(lambda: received) if received else None):
        if name == "process_chunk" and received:
            with carrying(received):
                yield
        else:
            yield


def context_of(task: Task) -> dict[str, str]:
    """Return the headers with which the task's message was sent that name a span."""
    found = {name: getattr(task.request, name, None) or (task.request.headers or {}).get(name) for name in HEADERS}
    return {name: value for name, value in found.items() if isinstance(value, str)}
