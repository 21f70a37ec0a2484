"""Every row of the fault table, in the order in which a full run takes them."""

from __future__ import annotations

from tests.faults.drill import Fault
from tests.faults.matrix import (
    answers,
    beat,
    consumers,
    dropped,
    engine,
    foreign,
    gateway,
    http,
    hub,
    joined,
    line,
    nacks,
    network,
    partitions,
    postgres,
    redis,
    reranker,
    sources,
    worker,
)

FAULTS: tuple[Fault, ...] = (
    *worker.FAULTS,
    *redis.FAULTS,
    *foreign.FAULTS,
    *network.FAULTS,
    *postgres.FAULTS,
    *partitions.FAULTS,
    *gateway.FAULTS,
    *consumers.FAULTS,
    *http.FAULTS,
    *nacks.FAULTS,
    *dropped.FAULTS,
    *sources.FAULTS,
    *beat.FAULTS,
    *line.FAULTS,
    *joined.FAULTS,
    *engine.FAULTS,
    *reranker.FAULTS,
    *hub.FAULTS,
    *answers.FAULTS,
)
