"""The gateway and PostgreSQL killed while a consumer nacks rows."""

from __future__ import annotations

import signal
import time

from tests.faults.drill import Drill, Fault
from tests.faults.nacking import NackingFollower
from tests.support.waiting import eventually

WAITING = "SELECT count(*) FROM nacked_rows WHERE name = 'nacking'"


def killed_while_nacking(drill: Drill) -> None:
    """Send SIGKILL to the gateway while rows are nacked and redelivered: each is stored in the end, none is lost."""
    rig = drill.rig
    follower = NackingFollower(lambda: rig.gateway, rig.random)
    follower.start()
    try:
        while drill.injected < drill.times:
            known = len(follower.nacked)
            work = rig.begin(rows=min(900, drill.most_rows), chunk_size=50)
            _wait_for_nacks(follower, more_than=known)
            rig.main_of("gateway").send_signal(signal.SIGKILL)
            drill.injected += 1
            since = time.monotonic()
            drill.note(rig.finish(work))
            drill.moved_s.append(time.monotonic() - since)
        eventually(lambda: not rig.truth.missing(follower.texts), what="all rows at the consumer")
        eventually(lambda: rig.query(WAITING) == [(0,)], what="the end of the redeliveries")
    finally:
        follower.stop()
    drill.expect(not follower.faults, f"the consumer found {follower.faults[:3]}")
    drill.expect(follower.again > 0, "no row came again")
    drill.check()


def _wait_for_nacks(follower: NackingFollower, *, more_than: int) -> None:
    eventually(lambda: len(follower.nacked) > more_than, what="a nack")


FAULTS = (
    Fault(
        name="nacks-kill",
        matrix="16, 22",
        what="gateway SIGKILL while a consumer nacks rows",
        times=4,
        run=killed_while_nacking,
    ),
)
