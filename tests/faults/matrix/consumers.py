"""Consumers that share a subscription, while the gateway is killed and their number changes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.faults.consumer import Follower
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.oracle import caught_up
from tests.support.waiting import eventually


def shared(drill: Drill) -> None:
    """Kill the gateway under two consumers, then share the same subscription among three and commit more rows."""
    rig = drill.rig
    while drill.injected < drill.times:
        name = f"shared-{drill.injected}"
        drill.note(rig.finish(rig.begin(rows=min(600, drill.most_rows), chunk_size=50)))
        two = _consumers(drill, name, 2, after=0)
        time.sleep(rig.random.uniform(0.02, 0.3))
        rig.main_of("gateway").kill()
        drill.injected += 1
        since = time.monotonic()
        _stopped_at_the_end(drill, two)
        drill.moved_s.append(time.monotonic() - since)
        after = int(eventually(partial(_resharded, drill, name), within_s=60).split()[-1])
        drill.note(rig.finish(rig.begin(rows=min(300, drill.most_rows), chunk_size=50)))
        three = _consumers(drill, name, 3, after=after)
        _stopped_at_the_end(drill, three)
        texts = _joined([*two, *three])
        missing = rig.truth.missing(texts)
        drill.expect(not missing, f"the consumers miss {len(missing)} rows")
        drill.expect(not rig.truth.unexpected(texts), "the consumers have rows that no source had")
    drill.check()


def _resharded(drill: Drill, name: str) -> str:
    """Return what the command printed; nothing while a lease is not released yet."""
    return drill.rig.stack.run("subscriptions", "reshard", "--domain", DOMAIN, "--shards", "3", name).out


def _consumers(drill: Drill, name: str, count: int, *, after: int) -> list[Follower]:
    followers = []
    for index in range(count):
        shard = pb.ConsumeShard(index=index, count=count)
        followers.append(Follower(lambda: drill.rig.gateway, name, shard=shard, position=after))
        followers[-1].start()
    return followers


def _stopped_at_the_end(drill: Drill, followers: Iterable[Follower]) -> None:
    for follower in followers:
        drill.expect(caught_up(drill.rig.query, follower), "a consumer did not come to the end")
        follower.stop()
        drill.expect(not follower.faults, f"a consumer: {follower.faults[:1]}")


def _joined(followers: Iterable[Follower]) -> dict[str, str]:
    """Return each row's newest text: later consumers have later positions."""
    texts: dict[str, str] = {}
    for follower in followers:
        for row_id in follower.row_positions:
            texts.pop(row_id, None)
        texts |= follower.texts
    return texts


FAULTS = (
    Fault(
        name="shared-consumers",
        matrix="16, 22",
        what="gateway SIGKILL under two consumers of one subscription, then three of them",
        times=3,
        run=shared,
    ),
)
