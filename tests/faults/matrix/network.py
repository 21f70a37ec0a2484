"""Connections that are cut, slow, silent, or lost in the middle of a frame or a commit."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.drill import Drill, Fault
from tests.faults.proxy import Proxy
from tests.faults.rig import Work
from tests.support.waiting import eventually


def both(drill: Drill) -> Proxy:
    """Return one of the two proxies, in turn."""
    return (drill.rig.to_postgres, drill.rig.to_redis)[drill.injected % 2]


def cut(drill: Drill) -> None:
    """Reset every connection to one of the servers."""

    def inject(_: Work) -> None:
        both(drill).cut()

    drill.under_load(inject, rows=400)


def cut_mid_frame(drill: Drill) -> None:
    """Pass some bytes of the server's answers on, then half a block, then reset."""

    def inject(_: Work) -> None:
        proxy = both(drill)
        proxy.cut_after = drill.rig.random.randrange(500, 20_000)
        eventually(lambda: proxy.cut_after is None, what="the cut")

    drill.under_load(inject, rows=400)


def slow(drill: Drill) -> None:
    """Delay every block by 5 to 50 ms for 2 s."""

    def inject(_: Work) -> None:
        proxy = both(drill)
        proxy.delay_s = drill.rig.random.uniform(0.005, 0.05)
        time.sleep(2)
        proxy.delay_s = 0

    drill.under_load(inject, rows=400)


def silent(drill: Drill) -> None:
    """Pass nothing on for 3 to 8 s; every other time the connections are lost at the end."""

    def inject(_: Work) -> None:
        proxy = both(drill)
        proxy.silence()
        time.sleep(drill.rig.random.uniform(3, 8))
        if drill.injected % 4 >= 2:
            proxy.cut()
        proxy.speak()

    drill.under_load(inject, rows=400)


def commit_lost(*, arrives: bool) -> Callable[[Drill], None]:
    """Return a drill that cuts a connection on COMMIT: before it arrives, or so late that only its answer is lost."""

    def run(drill: Drill) -> None:
        def inject(_: Work) -> None:
            proxy = drill.rig.to_postgres
            lost = proxy.commits_lost
            proxy.commits_to_lose.append(arrives)
            eventually(lambda: proxy.commits_lost > lost, what="a lost commit")

        drill.under_load(inject, rows=400)

    return run


FAULTS = (
    Fault(name="cut", matrix="14, 15", what="all connections to a server reset", times=16, run=cut),
    Fault(
        name="cut-mid-frame", matrix="18", what="connection cut in the middle of an answer", times=10, run=cut_mid_frame
    ),
    Fault(
        name="commit-unsent",
        matrix="18",
        what="connection cut before COMMIT arrives",
        times=12,
        run=commit_lost(arrives=False),
    ),
    Fault(
        name="commit-unheard",
        matrix="18",
        what="connection cut before COMMIT's answer arrives",
        times=12,
        run=commit_lost(arrives=True),
    ),
    Fault(name="slow-network", matrix="14", what="every block delayed by 5 to 50 ms", times=2, run=slow),
    Fault(name="half-open", matrix="14", what="nothing passed on for 3 to 8 s", times=4, run=silent),
)
