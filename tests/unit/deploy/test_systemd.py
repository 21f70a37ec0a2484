"""The systemd units are valid, and allow the parts time to end."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT

UNITS = sorted((PROJECT / "deploy/systemd").iterdir())
PARTS = ("worker", "beat", "gateway", "http", "flower")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_has_no_complaints(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/pc-worker/.venv/bin/python", sys.executable)
        elsewhere = re.sub(r"^(User|Group|WorkingDirectory|Documentation)=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(elsewhere, encoding="utf-8")
    names = [
        str(tmp_path / name) for name in ("pc-worker@worker.service", "pc-worker-migrate.service", "pc-worker.target")
    ]

    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)

    assert "pc-worker" not in done.stderr, done.stderr
    assert done.returncode == 0


def test_a_part_has_more_time_than_an_orderly_end_takes() -> None:
    text = (PROJECT / "deploy/systemd/pc-worker@.service").read_text(encoding="utf-8")

    assert "TimeoutStopSec=60" in text
    assert "Requires=pc-worker-migrate.service" in text


@pytest.mark.parametrize("part", PARTS)
def test_a_unit_starts_a_command(part: str) -> None:
    from pc_worker.cli import COMMANDS

    assert part in COMMANDS
