"""Parts alone, as in production: each finds its servers by URL, serves its metrics, and ends well when asked to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pc_worker.embedded import start_services
from tests.support.stack import environment, run_command
from tests.support.waiting import eventually


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_part_runs_alone_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    services = start_services(tmp_path / "servers")
    try:
        env = environment(
            tmp_path / "home",
            PC_WORKER_DATABASE_URL=services.database_url,
            PC_WORKER_REDIS_URL=services.redis_url,
            PC_WORKER_DATA_ROOTS=str(tmp_path),
        )
        assert run_command("migrate", env=env).code == 0
        addresses = {part: free_address() for part in ("worker", "gateway", "flower")}
        parts = {}
        for part in ("worker", "beat", "gateway", "flower"):
            own = {**env, "PC_WORKER_METRICS_ADDRESS": addresses.get(part, "127.0.0.1:0")}
            if part == "flower":
                own["PC_WORKER_FLOWER_ADDRESS"] = addresses[part]
            with (tmp_path / f"{part}.log").open("wb") as log:
                argv = [sys.executable, "-m", "pc_worker", part]
                parts[part] = subprocess.Popen(argv, env=own, stdout=log, stderr=log)
        for part in ("worker", "gateway"):
            url = f"http://{addresses[part]}/metrics"
            eventually(lambda url=url: answers(url), what=f"metrics of the {part}")  # type: ignore[misc]
        eventually(lambda: answers(f"http://{addresses['flower']}/healthcheck"), what="Flower")
        eventually(lambda: b"ready" in (tmp_path / "worker.log").read_bytes(), what="the worker")
        eventually(lambda: b"Starting" in (tmp_path / "beat.log").read_bytes(), what="beat")

        for process in parts.values():
            process.send_signal(number)

        ended = {part: process.wait(timeout=60) for part, process in parts.items()}
        logs = {part: (tmp_path / f"{part}.log").read_text()[-2000:] for part in parts}
        assert ended == dict.fromkeys(parts, 0), logs
        assert not [part for part, text in logs.items() if "Traceback" in text], logs
    finally:
        services.stop()
