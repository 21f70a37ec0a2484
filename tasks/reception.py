"""How a worker receives messages: those that Celery cannot process become dead messages, those with an ETA are held.

Celery keeps a message with an ETA in the worker's memory, unacknowledged: after a hundred of them the worker takes
nothing from any queue. Here such a message waits in Redis and goes back into its queue when it is due.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import bootsteps
from celery.exceptions import InvalidTaskError, TaskError
from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.utils.json import dumps

from pc_worker.hot_buffer import gather_prioritised, hold, is_away, release
from tasks.broker import store_dead_message
from tasks.envelope import InvalidMessage, due_at, from_protocol_1, read_body, read_fields
from tasks.queues import all_queues

#: Seconds that a held message may be late if the worker that held it has ended, and that one with a priority waits.
SWEEP_S = 10.0


class CarefulConsumer(Consumer):
    """Celery's consumer; no message ends it, and none waits in it for its ETA."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Return the function that is called with each message of the work queues."""
        take = super().create_task_handler(*arguments, **options)

        def receive(message: Any) -> None:
            try:
                due = self._prepare(message)
                if due is not None and due > time.time():
                    self._hold(message, due)
                else:
                    take(message)
            except Exception as exc:
                if is_away(exc):
                    raise
                self._remove(message, str(exc) if isinstance(exc, InvalidMessage) else f"{type(exc).__name__}: {exc}")

        return receive

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Make a message with an unreadable body a dead message."""
        self._remove(message, f"its body cannot be read: {type(exc).__name__}")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Make a message that calls no task a dead message."""
        self._remove(message, "it is no task message")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Make a call of an unknown task a dead message."""
        self._remove(message, f"there is no task {message.headers.get('task')!r}")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Make a call that Celery does not accept a dead message."""
        self._remove(message, str(exc))

    def _prepare(self, message: Any) -> float | None:
        """Validate a message, leave only what Celery may see in it, and return its ETA, which Celery never sees."""
        try:
            payload = message.decode()
        except Exception as exc:
            raise InvalidMessage(f"its body cannot be read: {type(exc).__name__}") from exc
        if "task" not in message.headers and isinstance(payload, dict):
            message.headers, payload = from_protocol_1(payload)
            _set_body(message, payload)
        fields = read_fields(message.headers)
        read_body(payload)
        if fields["task"] not in self.app.tasks:
            raise InvalidMessage(f"there is no task {fields['task']!r}")
        due = due_at(fields)
        message.headers = fields | {"eta": None}
        return due

    def _hold(self, message: Any, due: float) -> None:
        envelope = message._raw | {
            "headers": message.headers,
            "body": b64encode(_body(message)).decode(),
            "content-type": message.content_type,
            "content-encoding": message.content_encoding,
        }
        envelope["properties"] |= {"body_encoding": "base64"}
        with message.channel.conn_or_acquire() as client:
            hold(client, json.dumps(envelope), queue=message.delivery_info["routing_key"], due=due)
        message.ack()
        self.holding.release_at(due)

    def _remove(self, message: Any, reason: str) -> None:
        original = json.dumps(message._raw).encode()
        store_dead_message(message.channel, original, queue=message.delivery_info["routing_key"], reason=reason)
        if not message.acknowledged:
            message.reject()
        self._report_failure(message, message.headers.get("id"), reason)

    def _report_failure(self, message: Any, task_id: Any, reason: str) -> None:
        """Store a failed result for the caller, and remove the message from Celery's state."""
        if not isinstance(task_id, str):
            return
        if (request := state.requests.get(task_id)) is not None:
            if request.message is not message:
                return  # another message with this id is being processed
            del state.requests[task_id]
            state.reserved_requests.discard(request)
        with suppress(Exception):  # there may be no result to store
            self.app.backend.mark_as_failure(task_id, InvalidTaskError(reason))

    @property
    def holding(self) -> Holding:
        """The step that releases held messages."""
        return self._holding  # type: ignore[no-any-return]  # Celery's classes are untyped


class CarefulRequest(Request):
    """Celery's request; only the task fails when memory runs out, where Celery would end the whole worker."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Record a failed task."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, MemoryError):
            exc_info = _as_failure(f"it needs more memory than there is: {error}")
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)


def _as_failure(text: str) -> ExceptionInfo:
    try:
        raise TaskError(text)
    except TaskError:
        return ExceptionInfo()


def _body(message: Any) -> bytes:
    return message.body if isinstance(message.body, bytes) else str(message.body).encode()


def _set_body(message: Any, payload: list[Any]) -> None:
    message.body, message._decoded_cache = dumps(payload).encode(), payload
    message.content_type, message.content_encoding = "application/json", "utf-8"


class Holding(bootsteps.StartStopStep):
    """Put held messages back into their queues when they are due; a sweep finds those of workers that ended."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._consumer: Any = parent
        self._sweep: Any = None
        self._alarm: Any = None
        self._alarm_at = float("inf")
        parent._holding = self

    def start(self, parent: Any) -> None:
        """Release what is due, and start the sweep. Called after every connection."""
        self._look_for_all()
        self._sweep = parent.timer.call_repeatedly(SWEEP_S, self._look_for_all)

    def stop(self, _: Any) -> None:
        """Stop the timers."""
        for timer in (self._sweep, self._alarm):
            if timer is not None:
                timer.cancel()
        self._alarm_at = float("inf")

    def release_at(self, due: float) -> None:
        """Release at ``due`` (Unix time), unless an earlier release is scheduled."""
        if due >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        self._alarm = self._consumer.timer.call_after(max(0.0, due - time.time()), self._release)

    def _look_for_all(self) -> None:
        with self._consumer.connection.default_channel.conn_or_acquire() as client:
            gather_prioritised(client, all_queues())
        self._release()

    def _release(self) -> None:
        self._alarm_at = float("inf")
        with self._consumer.connection.default_channel.conn_or_acquire() as client:
            following = release(client, now=time.time())
        if following is not None:
            self.release_at(following)
