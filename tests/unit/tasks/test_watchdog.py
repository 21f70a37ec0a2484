"""The watchdog ends a worker that makes no progress while work waits, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count, repeat
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from tasks import watchdog
from tasks.watchdog import Observation, watch

STILL = Observation(turns=7, begun=5, is_busy=False, is_waiting=True)


class Over(Exception):
    """The script has been played, and the worker lives."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "CHECK_S", 0)
    monkeypatch.setattr(watchdog, "STALLED_CHECKS", 3)


def _played(sights: Iterable[Observation]) -> Callable[[], Observation]:
    script: Iterator[Observation] = iter(sights)

    def look() -> Observation:
        for sight in script:
            return sight
        raise Over

    return look


@pytest.mark.parametrize(
    "sights",
    [
        pytest.param(repeat(STILL, 9), id="nothing moves"),
        pytest.param((replace(STILL, turns=n) for n in range(9)), id="it turns, and takes nothing"),
        pytest.param(repeat(replace(STILL, is_busy=True), 9), id="it does not turn, and says it is at work"),
        pytest.param([replace(STILL, begun=n) for n in range(4)] + [STILL] * 5, id="it begins, without turning"),
    ],
)
def test_a_worker_that_stands_still_is_ended(sights: Iterable[Observation]) -> None:
    assert watch(_played(sights)) == 3


@pytest.mark.parametrize(
    "sights",
    [
        pytest.param(repeat(replace(STILL, is_waiting=False), 20), id="nothing waits, or the broker is away"),
        pytest.param(
            [replace(STILL, is_waiting=waits) for _ in range(6) for waits in (True, True, False)], id="now and then"
        ),
        pytest.param((replace(STILL, turns=n, begun=n) for n in range(20)), id="it begins tasks"),
        pytest.param((replace(STILL, turns=n, is_busy=True) for n in range(20)), id="it is at work"),
    ],
)
def test_a_worker_that_does_not_lives(sights: Iterable[Observation]) -> None:
    with pytest.raises(Over):
        watch(_played(sights))


def test_looks_in_a_row_count() -> None:
    numbers = count()
    moving = (replace(STILL, turns=next(numbers), begun=n) for n in range(5))

    assert watch(_played([STILL, STILL, *moving, *repeat(STILL, 9)])) == 3


@pytest.mark.parametrize("error", [OperationalError("away"), OSError("cut"), ValueError("not foreseen")], ids=repr)
def test_nothing_waits_while_the_broker_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> Any:
        raise error

    monkeypatch.setattr("tasks.watchdog.app.connection_for_read", fail)

    assert not watchdog._messages_wait()
