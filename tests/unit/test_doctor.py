"""What `doctor` says of the environment."""

from __future__ import annotations

import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from pc_worker.doctor import machine
from pc_worker.doctor.configuration import inbox
from pc_worker.doctor.finding import ask_server
from pc_worker.doctor.machine import unknown_settings
from pc_worker.errors import HomeUnusable, InvalidRequest, NotServable, ReadOnlyServer, Unavailable
from pc_worker.services.ingest.inbox import check
from pc_worker.settings import Settings
from pc_worker.wiring import check_inbox
from tests.support.events import logged_events


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("PC_WORKER_CHUNKSIZE", "did you mean PC_WORKER_CHUNK_SIZE?"),
        ("PC_WORKER_TOKEN_FILES", "did you mean PC_WORKER_TOKEN_FILE?"),
        ("PC_WORKER_ZZZZZZZZZZZZZZZZ", "unset it"),
    ],
)
def test_a_misspelled_setting_is_a_finding(name: str, advice: str) -> None:
    (finding,) = unknown_settings({name: "1", "PC_WORKER_HOME": "/x", "PC_WORKER_TOKEN_FILE": "/x", "PATH": "/bin"})

    assert not finding.ok
    assert finding.check == name
    assert finding.fix.startswith(advice)


@pytest.mark.parametrize(
    "name", ["PC_WORKER_SERVICE_HOST", "PC_WORKER_GATEWAY_PORT", "PC_WORKER_GATEWAY_PORT_50051_TCP_ADDR"]
)
def test_what_kubernetes_sets_is_none(name: str) -> None:
    assert list(unknown_settings({name: "1"})) == []


def test_a_server_that_does_not_answer_is_asked_once() -> None:
    """Each try takes many seconds where a server accepts the connection and is silent."""
    asked: list[str] = []

    def silent(check: str) -> str:
        asked.append(check)
        raise Unavailable("Redis does not answer: timeout")

    found = list(
        ask_server(*((check, f"mend {check}", partial(silent, check)) for check in ("Redis", "rights", "policy")))
    )

    assert asked == ["Redis"]
    assert [(finding.check, finding.ok, finding.fix) for finding in found] == [
        ("Redis", False, "mend Redis"),
        ("rights", False, "mend rights"),
        ("policy", False, "mend policy"),
    ]
    assert {finding.found for finding in found} == {"Redis does not answer: timeout"}


@pytest.mark.parametrize("error", [ReadOnlyServer("a replica"), NotServable("too old"), OSError("odd")])
def test_every_check_of_a_server_that_answers_is_made(error: Exception) -> None:
    def failing() -> str:
        raise error

    found = list(ask_server(("Redis", "", failing), ("rights", "", lambda: "all")))

    assert [(finding.ok, finding.found) for finding in found] == [(False, str(error)), (True, "all")]


#: Listens on any port and prints it.
LISTENING = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("program", "ok"), [("pc-worker", True), ("nginx", False)])
def test_a_port_on_which_a_part_of_ours_listens_is_well(tmp_path: Path, program: str, ok: bool) -> None:
    (tmp_path / program).write_text(LISTENING)
    argv = [sys.executable, str(tmp_path / program)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        found = {finding.check: finding for finding in machine.ports(Settings(home=tmp_path, metrics_address=address))}
        process.communicate("")

    assert found["metrics port"].ok is ok
    assert ("in use by a part of pc_worker" in found["metrics port"].found) is ok


def test_a_port_of_this_very_process_is_not_one_of_a_part(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        found = {finding.check: finding for finding in machine.ports(Settings(home=tmp_path, metrics_address=address))}

    assert not found["metrics port"].ok


def test_a_home_of_another_user_ends_no_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    def unusable(home: Path) -> NoReturn:
        raise HomeUnusable(home, "belongs to another user")

    settings = Settings(home=tmp_path / "home", data_roots=(tmp_path,))
    monkeypatch.setattr(Path, "exists", denied)
    monkeypatch.setattr(Path, "is_dir", denied)
    monkeypatch.setattr(machine, "read_addresses", unusable)

    assert machine.disk(settings).check == "disk"
    assert [finding.ok for finding in machine.roots(settings)] == [True]
    assert len(list(machine.ports(settings))) == 4


@pytest.mark.parametrize(
    ("place", "words"),
    [("in", ""), ("missing", "cannot be listed"), ("file", "cannot be listed"), ("../out", "outside the data roots")],
)
def test_an_inbox_that_would_never_be_ingested_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, words: str
) -> None:
    (tmp_path / "cwd" / "in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "cwd" / "file").write_text("")
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "cwd"))

    (finding,) = inbox(Settings(home=tmp_path / "cwd", inbox=tmp_path / "cwd" / place))

    assert finding.ok is (not words)
    assert words in finding.found


def test_an_inbox_that_is_made_or_mounted_later_stops_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for name in ("missing", "file"):
        with logged_events(check) as logs:
            check_inbox(Settings(home=tmp_path, data_roots=(tmp_path,), inbox=tmp_path / name))

        (warning,) = logs
        assert warning["log_level"] == "warning"
        assert f"{tmp_path / name} cannot be listed" in warning["reason"]
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(InvalidRequest, match="outside the data roots"):
        check_inbox(Settings(home=tmp_path, inbox=tmp_path.parent / "missing"))
