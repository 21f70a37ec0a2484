"""The stack as a whole: one owner a home, clean ends, nothing left behind, the contract's addresses file."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import stat
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.support.processes import command_of, family_of, runs
from tests.support.stack import LiveStack, environment, run_command
from tests.support.waiting import eventually


def all_processes(stack: LiveStack) -> list[psutil.Process]:
    assert stack.process is not None
    return family_of(stack.process.pid)[1:]


def assert_gone(processes: list[psutil.Process]) -> None:
    names = {process.pid: command_of(process) for process in processes if runs(process)}
    eventually(lambda: not any(map(runs, processes)), within_s=45, what=f"the end of all of {names}")


def test_a_killed_owner_leaves_no_process_and_its_home_starts_again_and_ends_well(tmp_path: Path) -> None:
    live = LiveStack(tmp_path / "home", {"PC_WORKER_DATA_ROOTS": str(tmp_path)})
    live.start()
    assert_addresses_are_published_privately(live)
    processes = all_processes(live)

    live.stop(signal.SIGKILL)

    assert_gone(processes)
    assert live.run("jobs").code == 69
    live.start()
    assert_addresses_are_published_privately(live)
    assert live.run("jobs").code == 0
    processes = all_processes(live)

    assert live.stop(signal.SIGINT) == 0

    assert not (live.home / "addresses.json").exists()
    assert_gone(processes)


def assert_addresses_are_published_privately(live: LiveStack) -> None:
    path = live.home / "addresses.json"
    published = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"gateway", "http", "flower", "flower_auth", "metrics", "database_url", "redis_url", "pids"} <= set(
        published
    )
    assert all(psutil.pid_exists(pid) for pid in published["pids"].values())


def test_a_second_owner_of_a_home_is_refused(stack: LiveStack) -> None:
    result = stack.run("up")

    assert result.code == 2
    assert result.err.startswith("error: ")
    assert len(result.err.splitlines()) == 1


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run_command("up", env=environment(tmp_path, PC_WORKER_GATEWAY_ADDRESS=address))

    assert result.code == 2
    assert address in result.err
    assert len(result.err.splitlines()) == 1


def test_flower_wants_its_password(stack: LiveStack) -> None:
    url = f"http://{stack.addresses.flower}/api/workers"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=10)
    token = base64.b64encode(stack.addresses.flower_auth.encode()).decode()

    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"Authorization": f"Basic {token}"}), timeout=10
    ) as answer:
        assert answer.status == 200
    assert refused.value.code == 401
    refused.value.close()


def test_flowers_metrics_want_its_password_and_its_health_says_nothing_else(stack: LiveStack) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{stack.addresses.flower}/metrics", timeout=10)
    with urllib.request.urlopen(f"http://{stack.addresses.flower}/healthcheck", timeout=10) as answer:
        assert answer.read() == b"OK"
    assert refused.value.code == 401
    refused.value.close()


def test_metrics_are_served(stack: LiveStack) -> None:
    with urllib.request.urlopen(f"http://{stack.addresses.metrics}/metrics", timeout=10) as answer:
        assert answer.status == 200


def test_the_doctor_finds_a_running_stack_healthy(stack: LiveStack) -> None:
    result = stack.run("doctor", "--json")

    assert [check for check in result.json()["checks"] if not check["ok"]] == []
    assert result.code == 0


def test_an_interrupted_ingest_goes_on_without_its_watcher(stack: LiveStack, tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.support.frames import write_documents

    source = write_documents(tmp_path / "d.pkl", [f"interrupted {n} {os.urandom(4).hex()}" for n in range(900)])
    before = {job["job_id"] for job in stack.run("jobs", "--json").json()}
    watcher = subprocess.Popen(
        [sys.executable, "-m", "pc_worker", "ingest", str(source), "--domain", "document", "--wait"],
        env=stack.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    found = eventually(lambda: stack.query("SELECT job_id FROM jobs WHERE source = %s", str(source)), what="the job")
    job = str(found[0][0])
    with stack.paused_worker():
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(timeout=60) == 130
    assert watcher.stderr is not None
    assert b"Traceback" not in watcher.stderr.read()
    watcher.stderr.close()
    assert job not in before
    eventually(
        lambda: stack.run("status", job, "--json").json()["state"] == "completed", within_s=90, what="the job's end"
    )
