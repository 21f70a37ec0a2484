"""Subscriptions that are dropped while their consumer reads, in Python and in Java."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import grpc

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.faults.consumer import COME_AGAIN, Follower, Requests
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.oracle import caught_up
from tests.java.conftest import DRIVERS
from tests.support.java import Java, build, missing_packages
from tests.support.waiting import eventually

#: The name of the error in the trailing metadata.
ERROR = "subscription_dropped"
SUBSCRIPTIONS = "SELECT count(*) FROM subscriptions WHERE name = %(name)s"


class UntilDropped(Follower):
    """Reconnect as the documentation for clients says: not after the subscription was dropped.

    Attributes:
        end: How it noticed: the status and the error's name, or a connection that created the subscription once more.
    """

    end: tuple[str, str] | None = None

    def has_rows(self) -> bool:
        """Return whether it has received a row."""
        return self.rows > 0

    def has_ended(self) -> bool:
        """Return whether it noticed that the subscription was dropped."""
        return self.end is not None

    def _run(self) -> None:
        while self.end is None and not self._stopping.is_set():
            try:
                self._connect()
            except grpc.RpcError as exc:
                error = dict(exc.trailing_metadata() or ()).get("pcw-error", "")
                if exc.code() not in (*COME_AGAIN, grpc.StatusCode.CANCELLED):
                    self.end = (exc.code().name, error)
            except (OSError, AssertionError):  # the gateway has no address just now
                pass
            self._stopping.wait(0.2)

    def _opening(self) -> pb.ConsumeOpen:
        opening = super()._opening()
        if not self.position:  # also where the consumer before it has created the subscription again
            opening.at = "beginning"
        return opening

    def _answer(self, response: pb.ConsumeResponse, requests: Requests) -> None:
        if response.HasField("opened") and response.opened.created and self.position:
            self.end = ("created", "")
            self._stopping.set()
            return
        super()._answer(response, requests)


def dropped(drill: Drill) -> None:
    """Drop a subscription while rows flow to its consumer; the next consumer of that name gets all rows."""
    rig = drill.rig
    while drill.injected < drill.times:
        name = f"dropped-{drill.injected}"
        work = rig.begin(rows=min(200, drill.most_rows), chunk_size=5)
        first = UntilDropped(lambda: rig.gateway, name)
        first.start()
        eventually(first.has_rows, what="rows at the consumer")
        is_away = _drop(drill, name)
        since = time.monotonic()
        eventually(first.has_ended, what="the end of the consumer")
        drill.moved_s.append(time.monotonic() - since)
        first.stop()
        ends = [("ABORTED", ERROR), ("created", "")] if is_away else [("ABORTED", ERROR)]
        drill.expect(first.end in ends, f"the consumer ended with {first.end}")
        drill.note(rig.finish(work))
        _read_by_another(drill, name)
    drill.check()


def _drop(drill: Drill, name: str) -> bool:
    """Drop the subscription, every other time while the gateway is away; return whether it is."""
    is_away = drill.injected % 2 == 1
    if is_away:
        drill.rig.main_of("gateway").kill()
    done = drill.rig.stack.run("subscriptions", "drop", "--domain", DOMAIN, name)
    drill.expect(done.code == 0, f"the drop ended with {done.code}: {done.err}")
    drill.injected += 1
    return is_away


def _read_by_another(drill: Drill, name: str) -> None:
    second = UntilDropped(lambda: drill.rig.gateway, name)
    second.start()
    drill.expect(caught_up(drill.rig.query, second), "the next consumer did not come to the end")
    second.stop()
    drill.expect(second.end is None, f"the next consumer ended with {second.end}")
    drill.expect(not second.faults, f"the next consumer: {second.faults[:1]}")
    missing = drill.rig.truth.missing(second.texts)
    drill.expect(not missing, f"the next consumer misses {len(missing)} rows")


def dropped_in_java(drill: Drill) -> None:
    """Drop subscriptions of the Java client, which must end with its exception."""
    reason = missing_packages()
    if reason is not None:
        drill.notes.append(f"left out: {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="pcw-java-") as folder:
        java = build(Path(folder), *DRIVERS)
        while drill.injected < drill.times:
            _drop_under_java(drill, java, Path(folder) / f"output-{drill.injected}")
    drill.check()


def _drop_under_java(drill: Drill, java: Java, output: Path) -> None:
    rig, name = drill.rig, f"java-dropped-{drill.injected}"
    work = rig.begin(rows=min(200, drill.most_rows), chunk_size=5)
    options = [f"gateway={rig.gateway}", f"domain={DOMAIN}", f"subscription={name}", "follow=1", "commit=20"]
    with output.open("wb") as log, java.start("ReadRows", *options, log=log) as process:
        try:
            eventually(lambda: b"commit" in output.read_bytes(), what="rows that the reader committed")
            is_away = _drop(drill, name)
            since = time.monotonic()
            process.wait(60)
            drill.moved_s.append(time.monotonic() - since)
        except subprocess.TimeoutExpired:
            drill.expect(False, "the reader did not end")
        finally:
            process.kill()
    last = output.read_text().splitlines()[-1]
    drill.expect(last.startswith("error SubscriptionDroppedException "), f"the reader ended with {last!r}")
    drill.expect(is_away or _is_gone(drill, name), "the reader has created its subscription again")
    drill.note(rig.finish(work))


def _is_gone(drill: Drill, name: str) -> bool:
    return drill.rig.query(SUBSCRIPTIONS, {"name": name}) == [(0,)]


FAULTS = (
    Fault(
        name="dropped",
        matrix="16, 22",
        what="a subscription dropped while its consumer reads, every other time with the gateway SIGKILL",
        times=4,
        run=dropped,
    ),
    Fault(
        name="dropped-java",
        matrix="16, 22",
        what="the same with the Java client",
        times=4,
        run=dropped_in_java,
    ),
)
