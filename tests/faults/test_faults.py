"""The fault table in small: the quick rows, each once or a few times, on one rig; all of it: ``-m tests.faults``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.drill import Drill
from tests.faults.matrix.rows import FAULTS
from tests.faults.rig import Rig, running_rig, temporary_folder

#: Row of the table → how often here.
QUICK = {
    "child-kill": 2,
    "sigterm": 1,
    "stall": 1,
    "redis-clients": 2,
    "pg-failover": 1,
    "foreign-message": 32,
    "foreign-eta": 150,
    "cut": 4,
    "commit-unsent": 2,
    "commit-unheard": 2,
    "gateway-kill": 1,
    "nacks-kill": 1,
    "dropped": 1,
    "pg-closed": 1,
    "queue-bits": 10,
    "queue-forged": 10,
    "queue-types": 3,
    "spoiled-cells": 30,
    "cut-files": 3,
    "source-replaced": 1,
    "inbox-entries": 5,
    "engine-wrong": 8,
    "answer-cut": 10,
}
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, running_rig(folder, seed=1, parts="worker,beat,gateway,http") as running:
        yield running


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_lost_or_doubled_by(rig: Rig, name: str) -> None:
    drill = Drill(rig, BY_NAME[name], QUICK[name], most_rows=120)

    drill.fault.run(drill)

    assert drill.injected >= QUICK[name]
    assert drill.findings.words == []
    assert (drill.findings.lost, drill.findings.doubled) == (0, 0)
