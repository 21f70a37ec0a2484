"""The load test of ``locustfile.py`` runs against a real stack, as the README says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pc_worker.settings import PROJECT
from tests.support.frames import write_documents
from tests.support.stack import LiveStack


def test_searchers_and_batch_servers_are_served_without_a_failure(stack: LiveStack, tmp_path: Path) -> None:
    stack.ingest(write_documents(tmp_path / "load.pkl", [f"how to read file {n}" for n in range(40)]), "document")
    options = ["--headless", "--users", "4", "--spawn-rate", "4", "--run-time", "6s", "--stop-timeout", "60", "--json"]
    argv = [sys.executable, "-m", "locust", *options]

    done = subprocess.run(argv, cwd=PROJECT, env=stack.env, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    calls = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert {"Search hybrid", "StreamEmbedding"} <= set(calls)
    assert not [entry for entry in calls.values() if entry["num_failures"]]
