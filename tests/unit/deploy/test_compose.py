"""docker-compose.yml is valid by the compose specification's schema, and keeps our promises about secrets."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from pc_worker.settings import PROJECT, Settings

TEXT = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(TEXT)
    return document


def test_it_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((PROJECT / "tests/data/compose-spec.json").read_text(encoding="utf-8"))

    jsonschema.Draft7Validator(schema).validate(compose)


def test_no_secret_has_a_default() -> None:
    for name, rest in re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN|AUTH)\w*)(.*?)\}", TEXT):
        assert rest.startswith(":?"), f"{name} must be required"


def test_every_part_has_a_health_check_and_starts_a_known_command(compose: dict[str, Any]) -> None:
    from pc_worker.cli import COMMANDS

    for name, service in compose["services"].items():
        if name in ("postgres", "redis"):
            continue
        assert service["command"][0] in COMMANDS
        assert "healthcheck" in service or name == "migrate", name


def test_every_setting_in_it_exists() -> None:
    known = {f"PC_WORKER_{name.upper()}" for name in Settings.model_fields} | {"PC_WORKER_DATA"}

    assert set(re.findall(r"PC_WORKER_[A-Z_]+", TEXT)) <= known
