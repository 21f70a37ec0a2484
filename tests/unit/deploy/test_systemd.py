"""The systemd units are valid, start in an order without depending on each other, and allow the parts time to end."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from pc_worker.cli import COMMANDS
from pc_worker.cli.commands.migrate import migrate_command
from pc_worker.settings import PROJECT, Settings
from tasks.orderly_shutdown import LAST_S, PATIENCE_S

FOLDER = PROJECT / "deploy/systemd"
UNITS = sorted(path for path in FOLDER.iterdir() if path.is_file())
EXAMPLES = sorted((FOLDER / "examples").glob("*.env"))
HOW_TO = (PROJECT / "docs/how-to/systemd.md").read_text(encoding="utf-8")
PARTS = ("worker", "beat", "gateway", "http", "flower")
#: Flower has metrics of its own, on its own address.
WITH_METRICS = PARTS[:4]
METRICS = "PC_WORKER_METRICS_ADDRESS"


def unit(name: str) -> Mapping[str, Sequence[str]]:
    """Return each key of a unit with its values, in order; a line may have several."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def variables(text: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


PART, MIGRATE = unit("pc-worker@.service"), unit("pc-worker-migrate.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_has_no_complaints(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/pc-worker/.venv/bin/python", sys.executable)
        elsewhere = re.sub(r"^(User|Group|WorkingDirectory|Documentation)=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(elsewhere, encoding="utf-8")
    names = [
        str(tmp_path / name) for name in ("pc-worker@worker.service", "pc-worker-migrate.service", "pc-worker.target")
    ]

    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)

    assert "pc-worker" not in done.stderr, done.stderr
    assert done.returncode == 0


def test_a_part_starts_after_the_migrations_but_does_not_need_them() -> None:
    """A late database must not keep a host down, and a restart of the migrations must restart no part."""
    migrate = "pc-worker-migrate.service"
    pulling = {key for key, values in PART.items() if migrate in " ".join(values).split()}

    assert pulling == {"After", "Wants"}


def test_the_migrations_wait_for_a_late_database_and_are_tried_again() -> None:
    (command,) = MIGRATE["ExecStart"]
    name, *options = command.partition("-m pc_worker ")[2].split()

    context = migrate_command.make_context(name, options)

    assert context.params["wait_s"] >= 60
    assert MIGRATE["Restart"] == ["on-failure"]
    assert MIGRATE["TimeoutStartSec"] == ["infinity"], "neither the wait nor a long migration is cut off"


@pytest.mark.parametrize("keys", [PART, MIGRATE], ids=["a part", "the migrations"])
def test_no_number_of_failures_ends_the_restarts(keys: Mapping[str, Sequence[str]]) -> None:
    assert keys["StartLimitIntervalSec"] == ["0"]


def test_a_part_has_more_time_than_an_orderly_end_takes() -> None:
    assert float(PART["TimeoutStopSec"][0]) >= PATIENCE_S + LAST_S + 10


@pytest.mark.parametrize("part", PARTS)
def test_a_unit_starts_a_command(part: str) -> None:
    assert part in COMMANDS


def test_a_part_has_settings_of_its_own_after_those_of_all() -> None:
    assert PART["EnvironmentFile"] == ["/etc/pc-worker/settings.env", "-/etc/pc-worker/%i.env"]


def test_no_two_parts_of_a_host_serve_metrics_at_one_address() -> None:
    own = {part: variables((FOLDER / f"examples/{part}.env").read_text())[METRICS] for part in WITH_METRICS}

    assert len(set(own.values())) == len(WITH_METRICS)
    assert METRICS not in variables((FOLDER / "examples/settings.env").read_text())
    assert {part: f"`{address}`" for part, address in own.items()} == dict(
        re.findall(r"^\| (\w+) \| (`[\d.:]+`) \|$", HOW_TO, re.MULTILINE)
    )
    (block,) = re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert {entry["labels"]["part"]: entry["targets"] for entry in job["static_configs"]} == {
        part: [address] for part, address in own.items()
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_settings_that_exist(path: Path) -> None:
    known = {f"PC_WORKER_{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")}

    assert variables(path.read_text(encoding="utf-8")).keys() <= known
    assert f"/etc/pc-worker/{path.name}" in path.read_text(encoding="utf-8")


def test_the_settings_in_the_how_to_are_those_of_the_example() -> None:
    (block,) = re.findall(r"```ini\n(.*?)```", HOW_TO, re.DOTALL)

    assert variables(block) == variables((FOLDER / "examples/settings.env").read_text(encoding="utf-8"))
