"""The broker's transport: every entry of a queue is validated before Celery sees it; invalid ones are removed.

Kombu assumes that each entry of a list is an envelope that it wrote. An entry that is not raises an error in the
worker's main loop: the worker exits, or treats it as a lost connection, puts the entry back and reads it again.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads
from pydantic import ValidationError

from pc_worker.hot_buffer import insert_dead_message, is_away, put_back, record_taken
from pc_worker.logs import get_logger
from tasks.envelope import MAX_BYTES, Envelope, InvalidMessage, check_shallow, first_fault
from tasks.unpacking import unpack_body

log = get_logger(__name__)

#: Celery cuts the displayed arguments at about this length, in characters.
LONGEST_SHOWN = 1024
#: Prefix for the new name of a key that has a queue's name but is not a list.
RENAMED = "pcw:no_queue:"


class Intake:
    """A count of all messages that this process took from a queue, valid or not: a worker that takes is not stalled."""

    def __init__(self) -> None:
        self.messages = 0


INTAKE = Intake()
#: Messages, each with its queue, that this process took and that Redis then neither recorded nor kept as dead ones.
#: They go back to their queues before more is taken. It may then be delivered twice; no task minds.
UNPLACED: deque[tuple[bytes, str]] = deque()


def store_dead_message(channel: Any, message: bytes, *, queue: str, reason: str) -> None:
    """Log an invalid message and keep it as a dead message; it is no longer in its queue."""
    log.warning("dead_message", queue=queue, reason=reason, bytes=len(message))
    with channel.conn_or_acquire() as client:
        insert_dead_message(client, message, queue=queue, reason=reason)


def open_envelope(item: bytes, queue: str) -> dict[str, Any]:
    """Return the envelope in an entry of a queue; if it is restored, it goes back to the queue where it was found.

    Raises:
        InvalidMessage: If kombu could not process it.
    """
    if len(item) > MAX_BYTES:
        raise InvalidMessage(f"it is longer than {MAX_BYTES:,} bytes")
    try:
        envelope = loads(bytes_to_str(item))
        clean_display_fields(envelope)
        json.dumps(envelope, ensure_ascii=False).encode()  # no unpaired surrogates, and no values of other types
    except Exception as exc:  # kombu's decoder has its own types, each with its own errors
        raise InvalidMessage(f"it is no JSON text: {type(exc).__name__}") from exc
    try:
        Envelope.model_validate(envelope)
    except ValidationError as exc:
        raise InvalidMessage(f"its envelope is wrong: {first_fault(exc)}") from exc
    unpack_body(envelope)
    check_shallow(envelope["headers"])
    check_shallow(envelope["properties"])
    envelope["properties"]["delivery_info"] |= {"exchange": "", "routing_key": queue}
    return envelope  # type: ignore[no-any-return]  # the model has checked it


def clean_display_fields(envelope: Any) -> None:
    """Make the sender's display form of the arguments storable: it is only shown to people."""
    if isinstance(envelope, dict) and isinstance(headers := envelope.get("headers"), dict):
        for name in ("argsrepr", "kwargsrepr"):
            shown = headers.pop(name, None)
            if isinstance(shown, str):
                headers[name] = shown[:LONGEST_SHOWN].encode(errors="backslashreplace").decode()


class QoS(kombu_redis.QoS):
    """Kombu's record of unacknowledged messages; an invalid one does not stop the restoring of the others."""

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Do as kombu's method, but also if Redis is at maxmemory: the message is in no queue any more."""
        delivery = message.delivery_info
        entry = dumps([message._raw, delivery["exchange"], delivery["routing_key"]])
        with self.channel.conn_or_acquire() as client:
            record_taken(client, delivery_tag, entry, times=self.unacked_index_key, messages=self.unacked_key)
        virtual.QoS.append(self, message, delivery_tag)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put an unacknowledged message back into its queue, or make it a dead message."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except Exception as exc:
            if is_away(exc):
                raise
            self._remove_invalid(tag, exc)

    def _remove_invalid(self, tag: Any, error: Exception) -> None:
        with self.channel.conn_or_acquire() as client:
            message = client.hget(self.unacked_key, tag) or b""
        reason = str(error) or type(error).__name__
        store_dead_message(self.channel, bytes(message), queue=self.unacked_key, reason=reason)
        self._remove_from_indices(tag).execute()


class Channel(kombu_redis.Channel):
    """A channel that delivers valid envelopes only."""

    QoS = QoS

    def _brpop_start(self, timeout: Any = None) -> None:
        """Do as kombu's method, after what could not be placed is back in its queue."""
        self._return_unplaced()
        super()._brpop_start(timeout)

    def _return_unplaced(self) -> None:
        while UNPLACED:
            item, queue = UNPLACED[0]
            with self.conn_or_acquire() as client:
                try:
                    put_back(client, item, queue=queue)
                except self.ResponseError as exc:
                    self._rename_other_types(exc)
                    continue
            UNPLACED.popleft()

    def _brpop_read(self, **options: Any) -> bool:
        """Do as kombu's method, but validate what was popped before it is delivered."""
        try:
            try:
                popped = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            except self.ResponseError as exc:
                self._rename_other_types(exc)
                popped = None
            if not popped:
                raise kombu_redis.Empty
            queue = bytes_to_str(popped[0]).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self._take(popped[1], queue)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _rename_other_types(self, error: Exception) -> None:
        """Rename keys that have a queue's name but are not lists: with one of them, BRPOP fails for all queues."""
        found = []
        with self.conn_or_acquire() as client:
            for queue in self.active_queues:
                if (kind := bytes_to_str(client.type(queue))) not in ("list", "none"):
                    client.rename(queue, f"{RENAMED}{queue}")
                    found.append((queue, kind))
        if not found:
            raise error
        for queue, kind in found:
            store_dead_message(
                self, b"", queue=queue, reason=f"a {kind} had the queue's name: it is {RENAMED}{queue} now"
            )

    def _take(self, item: bytes, queue: str) -> None:
        """Deliver an entry of a queue, or make it a dead message."""
        INTAKE.messages += 1
        try:
            envelope = open_envelope(item, queue)
            self._check_body(envelope)
        except InvalidMessage as exc:
            with self._placing(item, queue):
                store_dead_message(self, item, queue=queue, reason=str(exc))
            return
        tag = envelope["properties"]["delivery_tag"]
        try:
            with self._placing(item, queue, tag=tag):
                self.connection._deliver(envelope, queue)
        except Exception as exc:
            if is_away(exc):
                raise
            reason = f"it could not be delivered: {type(exc).__name__}: {exc}"
            with self._placing(item, queue, tag=tag):
                store_dead_message(self, item, queue=queue, reason=reason)
            self.basic_reject(tag)

    @contextmanager
    def _placing(self, item: bytes, queue: str, *, tag: Any = None) -> Iterator[None]:
        """Keep a taken message for its queue if Redis neither recorded it as unacknowledged nor as a dead message."""
        try:
            yield
        except Exception as exc:
            if is_away(exc) and (tag is None or tag not in self.qos._delivered):
                UNPLACED.append((item, queue))
            raise

    def _check_body(self, envelope: dict[str, Any]) -> None:
        try:
            self.decode_body(envelope["body"], envelope["properties"].get("body_encoding"))
        except ValueError as exc:
            raise InvalidMessage(f"its body is no base64: {exc}") from exc

    def _receive_one(self, c: Any) -> Any:
        """Do as kombu's method; an unreadable broadcast is dropped, as it is only for current listeners."""
        try:
            return super()._receive_one(c)
        except kombu_redis.Empty:
            raise
        except Exception as exc:
            if is_away(exc):
                raise
            log.warning("broadcast_refused", reason=f"{type(exc).__name__}: {exc}")
            raise kombu_redis.Empty from exc

    def _do_restore_message(
        self, payload: Any, exchange: Any, routing_key: Any, pipe: Any, leftmost: bool = False
    ) -> None:
        try:
            Envelope.model_validate(payload)
        except ValidationError as exc:
            raise InvalidMessage(f"its envelope is wrong: {first_fault(exc)}") from exc
        if not isinstance(routing_key, str) or not isinstance(exchange, str) or not self._lookup(exchange, routing_key):
            raise InvalidMessage("it names no queue to go back to")
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)


class Transport(kombu_redis.Transport):
    """Kombu's transport for Redis, with channels that validate what they read."""

    Channel = Channel


#: Schemes of broker URLs for which this transport replaces kombu's.
ALIASES = dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport")
