from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from structlog.testing import CapturingLogger

from pc_worker.gateway import supervision
from pc_worker.gateway.supervision import Restarts, log_unhandled, supervised, supervised_thread


def deaths(task: str) -> float:
    return REGISTRY.get_sample_value("pcw_gateway_background_deaths_total", {"task": task}) or 0.0


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSES_S", (0.0,))


async def test_a_task_is_restarted_however_it_ended() -> None:
    begun, third = [0], asyncio.Event()

    async def work() -> None:
        begun[0] += 1
        if begun[0] == 1:
            raise KeyError("nobody foresaw it")
        if begun[0] == 3:
            third.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(supervised("one that dies", work))
    await third.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert deaths("one that dies") == 2


def test_a_thread_is_restarted_until_it_succeeds() -> None:
    tries: list[int] = []
    done = threading.Event()

    def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise MemoryError
        done.set()

    supervised_thread("a thread that dies", work)

    assert done.wait(30)
    assert (len(tries), deaths("a thread that dies")) == (3, 2)


def test_pauses_grow_and_reset_after_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSES_S", (1.0, 2.0, 3.0))
    now = [0.0]
    tell: Callable[[], float] = lambda: now[0]  # noqa: E731
    row = Restarts("growing", clock=tell)

    pauses = [row.pause_s(None) for _ in range(4)]
    row.begin()
    now[0] += supervision.LASTED_S
    pauses.append(row.pause_s(ValueError("x")))

    assert pauses == [1, 2, 3, 3, 1]


@pytest.mark.parametrize(
    ("error", "words", "told_by_asyncio"),
    [(ConnectionResetError("cut"), [("connection_lost_unheard",)], 0), (KeyError("nobody foresaw it"), [], 1)],
    ids=repr,
)
async def test_a_lost_connection_that_no_coroutine_waits_for_is_one_line(
    error: Exception,
    words: list[tuple[str]],
    told_by_asyncio: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = CapturingLogger()
    monkeypatch.setattr(supervision, "log", told)

    log_unhandled(asyncio.get_running_loop(), {"message": "never retrieved", "exception": error})

    assert [call.args for call in told.calls] == words
    assert len(caplog.records) == told_by_asyncio
