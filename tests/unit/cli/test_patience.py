"""A one-shot command waits for a server only as long as it was asked to, and only where waiting can help."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pc_worker.cli.patience import patiently
from pc_worker.errors import NotServable, PcWorkerError, ReadOnlyServer, Unavailable
from pc_worker.retry import RetryPolicy


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pc_worker.cli.patience.ATTEMPTS", RetryPolicy(first_s=0.001, longest_s=0.001))


class Work:
    """Work that fails with each of these errors in turn, then succeeds."""

    def __init__(self, *errors: PcWorkerError) -> None:
        self.calls = 0
        self._errors: Iterator[PcWorkerError] = iter(errors)

    def __call__(self) -> str:
        self.calls += 1
        for error in self._errors:
            raise error
        return "done"


def test_work_is_repeated_until_the_server_answers(capsys: pytest.CaptureFixture[str]) -> None:
    work = Work(Unavailable("PostgreSQL does not answer: starting"), ReadOnlyServer("PostgreSQL takes no writes"))

    assert patiently(work, wait_s=60) == "done"

    assert work.calls == 3
    assert capsys.readouterr().err == "waiting up to 60 s: PostgreSQL does not answer: starting\n", "reported once"


def test_without_a_wait_the_first_failure_is_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    work = Work(Unavailable("away"))

    with pytest.raises(Unavailable):
        patiently(work, wait_s=0)

    assert work.calls == 1
    assert capsys.readouterr().err == ""


def test_the_wait_ends() -> None:
    work = Work(*(Unavailable(f"away {n}") for n in range(100_000)))

    with pytest.raises(Unavailable):
        patiently(work, wait_s=0.05)

    assert 1 < work.calls < 100_000


def test_what_an_operator_must_fix_is_not_waited_for() -> None:
    work = Work(NotServable("the server has no pgvector"))

    with pytest.raises(NotServable):
        patiently(work, wait_s=60)

    assert work.calls == 1
