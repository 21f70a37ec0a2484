"""The broker's connection: what lies in a queue is checked before Celery sees it, and what is no message is taken off.

Kombu takes it for granted that each entry of a list is an envelope of its own making. One that is not raises an error
in the worker's main loop: the worker ends, or takes it for a lost connection, puts it back, and meets it again.
"""

from __future__ import annotations

import json
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from pydantic import ValidationError

from pc_worker.hot_buffer import insert_dead_message, is_away
from pc_worker.logs import get_logger
from tasks.envelope import MOST_BYTES, Envelope, Unfit, check_shallow, first_fault

log = get_logger(__name__)


#: Celery cuts the arguments as they are shown at about this length.
LONGEST_SHOWN = 1024


#: What comes before the name of a key that is no list, and was found in a queue's place.
PUT_ASIDE = "pcw:no_queue:"


class Intake:
    """Counts every message that this process took off a queue, whatever it was: a worker that takes is not stalled."""

    def __init__(self) -> None:
        self.messages = 0


INTAKE = Intake()


def bury_message(channel: Any, message: bytes, *, queue: str, reason: str) -> None:
    """Keep a message that cannot be taken in, and say so once; it is gone from its queue already."""
    log.warning("dead_message", queue=queue, reason=reason, bytes=len(message))
    with channel.conn_or_acquire() as client:
        insert_dead_message(client, message, queue=queue, reason=reason)


def open_envelope(item: bytes, queue: str) -> dict[str, Any]:
    """Give the envelope that an entry of a queue holds; where it goes back to is where it was found.

    Raises:
        Unfit: If it is none that kombu can work with.
    """
    if len(item) > MOST_BYTES:
        raise Unfit(f"it is longer than {MOST_BYTES:,} bytes")
    try:
        envelope = loads(bytes_to_str(item))
        mend_decoration(envelope)
        json.dumps(envelope, ensure_ascii=False).encode()  # no unpaired surrogates, and no values of other types
    except Exception as exc:  # kombu's decoder knows types of its own, each with errors of its own
        raise Unfit(f"it is no JSON text: {type(exc).__name__}") from exc
    try:
        Envelope.model_validate(envelope)
    except ValidationError as exc:
        raise Unfit(f"its envelope is wrong: {first_fault(exc)}") from exc
    if envelope["headers"].get("compression"):
        raise Unfit("its body is compressed")  # a few bytes may stand for gigabytes
    check_shallow(envelope["headers"])
    check_shallow(envelope["properties"])
    envelope["properties"]["delivery_info"] |= {"exchange": "", "routing_key": queue}
    return envelope  # type: ignore[no-any-return]  # the model has checked it


def mend_decoration(envelope: Any) -> None:
    """Make sound how the sender shows the arguments: it is for people's eyes, and decides nothing."""
    if isinstance(envelope, dict) and isinstance(headers := envelope.get("headers"), dict):
        for name in ("argsrepr", "kwargsrepr"):
            shown = headers.pop(name, None)
            if isinstance(shown, str):
                headers[name] = shown[:LONGEST_SHOWN].encode(errors="backslashreplace").decode()


class QoS(kombu_redis.QoS):
    """Gives unacknowledged messages back; one that is spoilt does not stop those behind it."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put an unacknowledged message back into its queue, or bury it."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except Exception as exc:
            if is_away(exc):
                raise
            self._bury(tag, exc)

    def _bury(self, tag: Any, error: Exception) -> None:
        with self.channel.conn_or_acquire() as client:
            message = client.hget(self.unacked_key, tag) or b""
        bury_message(self.channel, bytes(message), queue=self.unacked_key, reason=str(error) or type(error).__name__)
        self._remove_from_indices(tag).execute()


class Channel(kombu_redis.Channel):
    """A channel that delivers envelopes and nothing else."""

    QoS = QoS

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, but what was popped is looked at before it is delivered."""
        try:
            try:
                popped = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            except self.ResponseError as exc:
                self._clear_the_way(exc)
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

    def _clear_the_way(self, error: Exception) -> None:
        """Put aside what stands in a queue's place and is no list: nothing could be taken from any queue."""
        found = []
        with self.conn_or_acquire() as client:
            for queue in self.active_queues:
                if (kind := bytes_to_str(client.type(queue))) not in ("list", "none"):
                    client.rename(queue, f"{PUT_ASIDE}{queue}")
                    found.append((queue, kind))
        if not found:
            raise error
        for queue, kind in found:
            bury_message(self, b"", queue=queue, reason=f"a {kind} stood in its place: it is {PUT_ASIDE}{queue} now")

    def _take(self, item: bytes, queue: str) -> None:
        """Deliver what an entry of a queue holds, or bury the entry."""
        INTAKE.messages += 1
        try:
            envelope = open_envelope(item, queue)
            self._check_body(envelope)
        except Unfit as exc:
            bury_message(self, item, queue=queue, reason=str(exc))
            return
        try:
            self.connection._deliver(envelope, queue)
        except Exception as exc:
            if is_away(exc):
                raise
            bury_message(self, item, queue=queue, reason=f"nobody could take it: {type(exc).__name__}: {exc}")
            self.basic_reject(envelope["properties"]["delivery_tag"])

    def _check_body(self, envelope: dict[str, Any]) -> None:
        try:
            self.decode_body(envelope["body"], envelope["properties"].get("body_encoding"))
        except ValueError as exc:
            raise Unfit(f"its body is no base64: {exc}") from exc

    def _receive_one(self, c: Any) -> Any:
        """As kombu's; a broadcast is for whoever listens, so one that cannot be read is not kept."""
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
            raise Unfit(f"its envelope is wrong: {first_fault(exc)}") from exc
        if not isinstance(routing_key, str) or not isinstance(exchange, str) or not self._lookup(exchange, routing_key):
            raise Unfit("it says no queue to go back to")
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)


class Transport(kombu_redis.Transport):
    """Redis, with channels that check what they read."""

    Channel = Channel


#: Schemes of broker URLs that this transport takes the place of.
ALIASES = dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport")
