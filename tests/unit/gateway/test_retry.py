"""A stream waits for the database for a limited time; a success restores all of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from structlog.testing import CapturingLogger

from pc_worker.errors import NotFound, Unavailable
from pc_worker.gateway.backoff import RetryPauses
from pc_worker.gateway.log import retry
from pc_worker.gateway.log.retry import RetryBudget, retry_until

AWAY = Unavailable("PostgreSQL does not answer")


@pytest.fixture(autouse=True)
def logged(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    logger = CapturingLogger()
    monkeypatch.setattr(retry, "log", logger)
    monkeypatch.setattr(retry, "RETRY_S", (0.0,))
    return logger


class Database:
    """Raises the errors one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)

    async def ask(self) -> str:
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


def test_pauses_grow_until_a_success() -> None:
    pauses = RetryPauses((1.0, 2.0, 3.0))

    failed = [pauses.next_s() for _ in range(4)]
    pauses.reset()

    assert failed == [1.0, 2.0, 3.0, 3.0]
    assert (pauses.failures, pauses.next_s()) == (0, 1.0)


async def test_a_call_is_retried_until_the_database_answers(logged: CapturingLogger) -> None:
    assert await retry_until(Database(AWAY, AWAY).ask, retry_for_s=60, what="consumer c") == "answer"

    assert [call.args for call in logged.calls] == [("database_waited_for",)] * 2
    assert logged.calls[0].kwargs == {"by": "consumer c", "error": str(AWAY)}


async def test_the_error_is_raised_when_the_time_is_up() -> None:
    with pytest.raises(Unavailable) as raised:
        await retry_until(Database(AWAY).ask, retry_for_s=0, what="consumer c")

    assert raised.value is AWAY


async def test_other_errors_are_raised_at_once(logged: CapturingLogger) -> None:
    with pytest.raises(NotFound):
        await retry_until(Database(NotFound("no such domain")).ask, retry_for_s=60, what="consumer c")

    assert logged.calls == []


async def test_a_success_restores_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: now[0]))
    budget = RetryBudget(10.0)

    for started in (0.0, 9.0, 18.0):
        now[0] = started
        await budget.wait(AWAY, what="stream")
        budget.restore()
    now[0] = 20.0
    await budget.wait(AWAY, what="stream")
    now[0] = 30.0

    with pytest.raises(Unavailable):
        await budget.wait(AWAY, what="stream")
