"""The clock of a chunk's stages."""

from __future__ import annotations

import pytest

from pc_worker.metrics import line as metrics
from pc_worker.metrics.line import StageClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StageClock:
    """Return a clock that advances by a second at every reading."""
    moments = iter(range(1000))
    monkeypatch.setattr(metrics, "perf_counter", lambda: float(next(moments)))
    return StageClock()


def test_a_stage_that_is_entered_again_adds_up(clock: StageClock) -> None:
    for _ in range(3):
        with clock.stage("write"):
            pass

    assert clock.seconds == {"write": 3}


def test_a_stage_can_be_read_from_inside_it(clock: StageClock) -> None:
    with clock.stage("write"):
        assert clock.so_far("write") == 1
    assert clock.so_far("read") == 0


def test_a_stage_that_fails_is_counted_too(clock: StageClock) -> None:
    with pytest.raises(ValueError), clock.stage("read"):
        raise ValueError
    assert clock.seconds == {"read": 1}


def test_what_is_not_a_stages_own_work_is_left_out(clock: StageClock) -> None:
    with clock.stage("embed"):
        pass
    clock.leave_out("embed", 0.25)

    assert clock.seconds == {"embed": 0.75}
