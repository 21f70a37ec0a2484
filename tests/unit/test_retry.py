"""A call is retried within its limits, after the errors named, and without log lines or metrics of the library."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from pc_worker.retry import RetryPolicy

QUICK = RetryPolicy(attempts=4, first_s=0.001, jitter_s=0.001, longest_s=0.002)


def failing(times: int, error: Exception) -> tuple[Callable[[], int], list[int]]:
    """Return a function that raises ``error`` this many times, then returns its number of calls; and its calls."""
    calls: list[int] = []

    def call() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call, calls


def test_a_call_is_repeated_until_it_succeeds() -> None:
    function, _ = failing(3, KeyError("x"))

    assert QUICK.call(function, on=KeyError) == 4


def test_the_last_error_is_raised_once_the_attempts_are_used_up() -> None:
    error = KeyError("x")
    function, calls = failing(100, error)

    with pytest.raises(KeyError) as raised:
        QUICK.call(function, on=KeyError)

    assert raised.value is error
    assert len(calls) == 4


@pytest.mark.parametrize("on", [KeyError, lambda exc: type(exc) is LookupError])
def test_other_errors_are_raised_at_once(on: type[Exception]) -> None:
    function, calls = failing(1, ValueError("x"))

    with pytest.raises(ValueError, match="x"):
        QUICK.call(function, on=on)

    assert len(calls) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_the_end_of_the_process_is_not_delayed(error: BaseException) -> None:
    def interrupted() -> None:
        raise error

    with pytest.raises(type(error)):
        QUICK.call(interrupted, on=Exception)


def test_without_a_limit_it_goes_on() -> None:
    function, _ = failing(50, OSError("x"))

    assert RetryPolicy(first_s=0.0, longest_s=0.0).call(function, on=OSError) == 51


def test_the_library_logs_and_counts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    function, _ = failing(2, KeyError("x"))

    with caplog.at_level(logging.DEBUG):
        QUICK.call(function, on=KeyError)

    assert caplog.records == []
    assert [metric.name for metric in REGISTRY.collect() if "stamina" in metric.name] == []


def test_the_library_is_loaded_at_the_first_retry() -> None:
    script = "import sys, pc_worker.store.db.connection; print('stamina' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"False\n"
