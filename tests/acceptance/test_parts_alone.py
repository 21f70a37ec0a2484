"""Parts alone, as in production: each finds its servers by URL, serves its metrics, and ends well when asked to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pc_worker.embedded import start_servers
from tests.homes import keep_database_in_memory
from tests.support.stack import environment, run_command, share_models
from tests.support.waiting import eventually


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


PARTS = ("worker", "beat", "gateway", "http", "flower")
#: A worker may be started by Celery's own command, too.
CELERY = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=1", "--loglevel=INFO"]


@pytest.mark.parametrize(("number", "log_format"), [(signal.SIGTERM, "console"), (signal.SIGINT, "json")])
def test_every_part_runs_alone_and_ends_with_0(tmp_path: Path, number: signal.Signals, log_format: str) -> None:
    share_models(tmp_path / "home")
    keep_database_in_memory(tmp_path / "servers")
    servers = start_servers(tmp_path / "servers")
    try:
        env = environment(
            tmp_path / "home",
            PC_WORKER_DATABASE_URL=servers.database_url,
            PC_WORKER_REDIS_URL=servers.redis_url,
            PC_WORKER_DATA_ROOTS=str(tmp_path),
            PC_WORKER_LOG_FORMAT=log_format,
        )
        assert run_command("migrate", env=env).code == 0
        addresses = {part: free_address() for part in ("worker", "celery", "gateway", "http", "flower")}
        parts = {}
        for part in (*PARTS, "celery"):
            own = {**env, "PC_WORKER_METRICS_ADDRESS": addresses.get(part, "127.0.0.1:0")}
            if part == "flower":
                own["PC_WORKER_FLOWER_ADDRESS"] = addresses[part]
            with (tmp_path / f"{part}.log").open("wb") as log:
                argv = CELERY if part == "celery" else [sys.executable, "-m", "pc_worker", part]
                parts[part] = subprocess.Popen(argv, env=own, stdout=log, stderr=log)
        for part in ("worker", "celery", "gateway", "http"):
            url = f"http://{addresses[part]}/metrics"
            eventually(lambda url=url: answers(url), what=f"metrics of the {part}")  # type: ignore[misc]
        eventually(lambda: answers(f"http://{addresses['flower']}/healthcheck"), what="Flower")
        eventually(lambda: b"ready" in (tmp_path / "worker.log").read_bytes(), what="the worker")
        eventually(lambda: b"Starting" in (tmp_path / "beat.log").read_bytes(), what="beat")

        for process in parts.values():
            process.send_signal(number)

        ended = {part: process.wait(timeout=60) for part, process in parts.items()}
        del ended["celery"]  # its code is Celery's own
        logs = {part: (tmp_path / f"{part}.log").read_text()[-2000:] for part in PARTS}
        assert ended == dict.fromkeys(PARTS, 0), logs
        assert not [part for part, text in logs.items() if "Traceback" in text], logs
        if log_format == "json":
            lines = [line for part in PARTS for line in (tmp_path / f"{part}.log").read_text().splitlines()]
            assert not [line for line in lines if not is_object(line)]
    finally:
        servers.stop()
