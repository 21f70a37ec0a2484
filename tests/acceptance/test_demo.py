"""`./run` alone: the demo ends well although a part of its stack is killed under it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pc_worker.embedded import read_addresses
from tests.support.stack import LiveStack, share_models
from tests.support.waiting import eventually


@pytest.mark.slow
def test_a_demo_whose_worker_is_killed_ends_well(tmp_path: Path) -> None:
    stack = LiveStack(tmp_path / "home", {"PC_WORKER_RECONCILE_S": "2"})
    stack.home.mkdir()
    share_models(stack.home)
    command = [sys.executable, "-m", "pc_worker", "demo"]
    with subprocess.Popen(command, env=stack.env, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
        eventually(lambda: read_addresses(stack.home), within_s=120, what="the demo's stack")
        eventually(lambda: "document" in str(stack.query("SELECT domain FROM jobs")), what="its jobs")
        worker = psutil.Process(stack.addresses.pids["worker"])

        worker.kill()

        out, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, out
    assert "What to try next" in out
    assert not worker.is_running()
