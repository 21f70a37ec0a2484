"""Maintenance goes on although beat's clock and the workers' differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.stack import environment

#: Seconds by which two machines' clocks may differ.
SKEW_S = 1800.0
SCRIPT = (
    "import celeryconfig, json;"
    "print(json.dumps({name: entry['options']['expires'] for name, entry in celeryconfig.beat_schedule.items()}))"
)


def test_no_maintenance_message_expires_by_a_difference_of_clocks(tmp_path: Path) -> None:
    env = environment(
        tmp_path,
        PC_WORKER_DATABASE_URL="postgresql://nowhere",
        PC_WORKER_REDIS_URL="redis://nowhere",
        PC_WORKER_DATA_ROOTS=str(tmp_path),
    )

    printed = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)

    expiries = json.loads(printed.stdout)
    assert {"reconcile", "purge", "maintain_indexes"} <= expiries.keys()
    assert min(expiries.values()) > SKEW_S
