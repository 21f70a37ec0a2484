"""The parts of a stack: their environment, and the end of one that refuses its settings."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from pc_worker.cli import running
from pc_worker.cli.commands.demo import with_samples
from pc_worker.cli.running import COMPONENTS, Stack, environment_of, until_signalled, with_readable_roots
from pc_worker.embedded import Command, start_servers
from pc_worker.errors import InvalidRequest
from pc_worker.object_urls import ObjectUrl
from pc_worker.settings import Settings
from tests.support.events import logged_events


def test_a_part_that_refuses_its_settings_is_not_started_again_and_again(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, need_postgres=False, need_redis=False)
    stack = Stack(Settings(home=tmp_path), servers, {}, "pcw:secret")
    script = "echo 'error: PC_WORKER_TOKENS_FILE: cannot read x' >&2; exit 2"
    try:
        stack._supervisor.start(Command(name="gateway", argv=("sh", "-c", script), env={"PATH": "/usr/bin:/bin"}))

        with pytest.raises(InvalidRequest, match="refuses its settings: PC_WORKER_TOKENS_FILE: cannot read x"):
            stack._wait("gateway", lambda: False)
    finally:
        stack.stop()
        servers.stop()


def test_a_full_disk_does_not_end_a_stack_and_the_pids_are_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = start_servers(tmp_path, need_postgres=False, need_redis=False)
    addresses = dict.fromkeys(("gateway", "http", "flower", "metrics"), "127.0.0.1:1")
    stack = Stack(Settings(home=tmp_path), servers, addresses, "pcw:secret")
    (tmp_path / "addresses.json").write_text("{}")
    restarts, written = [["worker"], [], []], list[Path]()

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stack._supervisor, "watch", lambda: restarts.pop(0))
    try:
        monkeypatch.setattr(running, "write_addresses", refuse)
        stack.tend()
        monkeypatch.setattr(running, "write_addresses", lambda home, _: written.append(home))
        stack.tend()
        stack.tend()
        assert written == [tmp_path]
    finally:
        monkeypatch.undo()
        stack.stop()
        servers.stop()


@pytest.fixture
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setattr(running, "WATCH_S", 0.01)
    tended: list[int] = []

    def tend() -> None:
        tended.append(1)
        if len(tended) == 3:
            signal.raise_signal(number)

    until_signalled(tend)

    assert len(tended) == 3


def test_flower_does_not_write_among_our_metrics() -> None:
    given = {"PC_WORKER_HOME": "/home", "PROMETHEUS_MULTIPROC_DIR": "/home/metrics"}

    of_parts = {part: environment_of(part, given) for part in COMPONENTS}

    assert of_parts.pop("flower") == {"PC_WORKER_HOME": "/home"}
    assert list(of_parts.values()) == [given] * len(of_parts)


def test_a_data_root_that_the_parts_would_read_as_two_is_left_out_or_refused_if_it_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "2024-01-01T10:00"
    (odd / "home").mkdir(parents=True)
    monkeypatch.chdir(odd)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))

    with logged_events(running) as logs:
        kept = with_readable_roots(Settings(home=tmp_path / "home"))
    assert kept.all_roots == (tmp_path / "user", tmp_path / "home")
    assert [line["root"] for line in logs] == [str(odd)]
    with pytest.raises(InvalidRequest, match=r"PC_WORKER_DATA_ROOTS: the folder .*T10:00 has a ':'"):
        with_readable_roots(Settings(home=tmp_path, data_roots=(odd,)))
    with pytest.raises(InvalidRequest, match=r"PC_WORKER_HOME: the folder .*T10:00/home has a ':'"):
        with_readable_roots(Settings(home=odd / "home"))
    fine = Settings(home=tmp_path, data_roots=(tmp_path, ObjectUrl("s3", "bucket", "in")))
    assert with_readable_roots(fine) is fine


def test_the_samples_of_a_demo_are_among_the_data_roots(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", data_roots=(tmp_path / "data",))

    assert with_samples(settings).roots == (tmp_path / "data", tmp_path / "home" / "samples")
    assert with_samples(Settings(home=tmp_path)).data_roots is None
