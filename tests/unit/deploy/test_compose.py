"""The compose files are valid by the compose specification's schema, and keep our promises about secrets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
import yaml

from pc_worker.embedded.servers.software import redis_program
from pc_worker.settings import PROJECT, Settings
from tests.support.waiting import eventually

FILES = [(PROJECT / name).read_text(encoding="utf-8") for name in ("docker-compose.yml", "deploy/watch.yml")]
TEXT = "".join(FILES)


#: Services of other makers, which bring commands and health checks of their own.
NOT_OURS = ("postgres", "redis", "prometheus", "alertmanager", "grafana")


@pytest.fixture
def compose() -> dict[str, Any]:
    """Return both files merged as Docker Compose merges them."""
    main, beside = map(yaml.safe_load, FILES)
    services: dict[str, Any] = main["services"] | beside["services"]
    return {**main, "services": services}


@pytest.mark.parametrize("text", FILES, ids=["the system", "what watches it"])
def test_it_is_valid_by_the_compose_specification(text: str) -> None:
    schema = json.loads((PROJECT / "tests/data/compose-spec.json").read_text(encoding="utf-8"))

    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(text))


def test_no_secret_has_a_default() -> None:
    for name, rest in re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN|AUTH)\w*)(.*?)\}", TEXT):
        assert rest.startswith(":?"), f"{name} must be required"


def test_every_part_has_a_health_check_and_starts_a_known_command(compose: dict[str, Any]) -> None:
    from pc_worker.cli import COMMANDS

    for name, service in compose["services"].items():
        if name in NOT_OURS:
            continue
        assert service["command"][0] in COMMANDS
        assert "healthcheck" in service or name == "migrate", name


def test_every_setting_in_it_exists() -> None:
    known = {f"PC_WORKER_{name.upper()}" for name in Settings.model_fields} | {"PC_WORKER_DATA", "PC_WORKER_"}

    assert set(re.findall(r"PC_WORKER_[A-Z_]*", TEXT)) <= known


def test_no_password_is_pasted_into_a_url_or_into_arguments(compose: dict[str, Any]) -> None:
    assert not re.findall(r"://\S*\$\{", TEXT)
    for name, service in compose["services"].items():
        words = " ".join([*service.get("command", []), *service.get("healthcheck", {}).get("test", [])])
        assert not re.findall(r"(?:-a|--requirepass|--pass)\s", words), name


def test_redis_takes_any_password_and_shows_none(compose: dict[str, Any], tmp_path: Path) -> None:
    password, path, real = "p'\"$x` @/#é", tmp_path / "redis.sock", redis_program()
    (tmp_path / "valkey-server").write_text(
        f'#!/bin/sh\necho "$@" > arguments\n{{ cat; printf "port 0\\nunixsocket {path}\\n"; }} | exec {real} -\n'
    )
    (tmp_path / "valkey-server").chmod(0o755)
    argv = [word.replace("$$", "$") for word in compose["services"]["redis"]["command"]]
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": password}
    with subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            eventually(path.exists, what="Redis")
            with redis.Redis(unix_socket_path=str(path), password=password) as client:
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(unix_socket_path=str(path)).ping()
            assert (tmp_path / "arguments").read_text() == "-\n"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def test_postgresql_is_asked_where_only_the_finished_server_listens(compose: dict[str, Any]) -> None:
    probe = compose["services"]["postgres"]["healthcheck"]["test"]

    assert probe[probe.index("-h") + 1] == "127.0.0.1", "initdb's own server has no TCP port"


def test_every_container_is_read_only_bounded_and_without_new_privileges(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "memory" in service["deploy"]["resources"]["limits"], name
        assert service["logging"]["options"]["max-size"], name
        assert ":" in service["image"], name


def test_no_part_of_ours_runs_as_root_or_with_capabilities(compose: dict[str, Any]) -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    created = re.findall(r"useradd --uid (\d+)", dockerfile)

    for name, service in compose["services"].items():
        if name not in NOT_OURS:
            assert [service["user"]] == created, name
            assert service["cap_drop"] == ["ALL"], name


def test_only_what_people_call_is_reachable_and_only_from_this_machine(compose: dict[str, Any]) -> None:
    open_to_people = {name for name, service in compose["services"].items() if "ports" in service}

    assert open_to_people == {"gateway", "http", "flower", "grafana"}
    assert compose["networks"]["inside"]["internal"] is True
    for name, service in compose["services"].items():
        calls_out = name == "alertmanager"  # the receiver of alerts
        assert ("outside" in service["networks"]) == (name in open_to_people or calls_out), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_file_that_is_mounted_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (PROJECT / source).exists(), source


def test_every_target_of_a_build_is_in_the_dockerfile(compose: dict[str, Any]) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    targets = {service["build"]["target"] for service in compose["services"].values() if "build" in service}

    assert targets == {"slim", "${WORKER_IMAGE:-slim}"}
    assert {"slim", "full"} <= stages
