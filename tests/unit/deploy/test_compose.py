"""The compose files are valid by the compose specification's schema, and keep our promises about secrets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from functools import reduce
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
import yaml

from pc_worker.cli.commands.migrate import migrate_command
from pc_worker.embedded.servers.software import redis_program
from pc_worker.http.server import DRAIN_S
from pc_worker.settings import PROJECT, Settings
from tasks.orderly_shutdown import LAST_S, PATIENCE_S
from tests.support.waiting import eventually

FILES = [
    (PROJECT / name).read_text(encoding="utf-8")
    for name in ("docker-compose.yml", "deploy/watch.yml", "deploy/object-store.yml")
]
SYSTEM, WATCH, STORE = FILES
TEXT = "".join(FILES)
HOW_TO = (PROJECT / "docs/how-to/sources-in-object-stores.md").read_text(encoding="utf-8")

#: Services of other makers, which bring commands and health checks of their own.
NOT_OURS = ("postgres", "redis", "prometheus", "alertmanager", "grafana")


def merged(*texts: str) -> dict[str, Any]:
    """Return files merged as Docker Compose merges them: maps by key, lists by appending; commands are replaced."""

    def merge(under: Any, over: Any, key: str = "") -> Any:
        if isinstance(under, dict) and isinstance(over, dict):
            both = {name: merge(under[name], over[name], name) for name in under.keys() & over.keys()}
            return under | over | both
        if isinstance(under, list) and isinstance(over, list) and key not in ("command", "entrypoint", "test"):
            return under + [one for one in over if one not in under]
        return over

    result: dict[str, Any] = reduce(merge, map(yaml.safe_load, texts))
    return result


def required(text: str) -> set[str]:
    """Return the variables without which Docker Compose refuses a file."""
    return set(re.findall(r"\$\{(\w+):\?", text))


@pytest.fixture
def compose() -> dict[str, Any]:
    """Return the system with what watches it."""
    return merged(SYSTEM, WATCH)


@pytest.fixture
def with_stores() -> dict[str, Any]:
    """Return the system with sources in object stores."""
    return merged(SYSTEM, STORE)


@pytest.mark.parametrize("text", FILES, ids=["the system", "what watches it", "object stores"])
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


def test_every_part_has_the_time_that_its_orderly_end_takes(compose: dict[str, Any]) -> None:
    celery, served = PATIENCE_S + LAST_S + 10, DRAIN_S + 10
    least = {"worker": celery, "beat": celery, "flower": celery, "gateway": served, "http": served}

    for part, seconds in least.items():
        assert float(compose["services"][part]["stop_grace_period"].removesuffix("s")) >= seconds, part


def test_the_migrations_wait_for_a_database_that_is_late(compose: dict[str, Any]) -> None:
    name, *options = compose["services"]["migrate"]["command"]

    assert migrate_command.make_context(name, options).params["wait_s"] >= 60


def test_the_folder_of_files_is_optional(compose: dict[str, Any]) -> None:
    (mounted,) = (volume for volume in compose["services"]["worker"]["volumes"] if ":/data:" in volume)
    default = re.fullmatch(r"\$\{PC_WORKER_DATA:-(\w+)\}:/data:ro", mounted)

    assert default is not None
    assert default[1] in compose["volumes"], "a volume, not a folder of the host"


def test_with_object_stores_only_their_prefixes_are_needed_in_addition() -> None:
    assert required(STORE) == {"PC_WORKER_DATA_ROOTS"}
    assert required(SYSTEM) == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_AUTH", "PC_WORKER_TOKEN"}


def test_what_opens_objects_has_a_way_out_and_the_credentials(with_stores: dict[str, Any]) -> None:
    table = HOW_TO.partition("| store | variables |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`([A-Z_]{6,})`", table))
    services = with_stores["services"]
    own = {name: service.get("environment", {}) for name, service in services.items()}

    assert len(documented) >= 8
    for name in ("worker", "http"):
        assert set(services[name]["networks"]) == {"inside", "outside"}, name
        assert {variable: own[name][variable] for variable in documented} == dict.fromkeys(documented), "if it is set"
        assert any(volume.startswith("${GOOGLE_APPLICATION_CREDENTIALS:-") for volume in services[name]["volumes"])
    assert {name for name in services if documented & own[name].keys()} == {"worker", "http"}


def test_with_object_stores_every_part_knows_their_prefixes(with_stores: dict[str, Any]) -> None:
    """Every part reads all settings, and an inbox must be under a root."""
    services = with_stores["services"]
    own = {name: service["environment"] for name, service in services.items() if name not in NOT_OURS}

    for name, variables in own.items():
        assert variables["PC_WORKER_DATA_ROOTS"].startswith("${PC_WORKER_DATA_ROOTS:?"), name
        assert variables["PC_WORKER_INBOX"] == "${PC_WORKER_INBOX:-}", name


def test_with_object_stores_nothing_else_is_opened_or_changed(with_stores: dict[str, Any]) -> None:
    changeable = {"environment", "volumes", "networks"}

    for name, service in yaml.safe_load(SYSTEM)["services"].items():
        found = with_stores["services"][name]
        assert {key: found[key] for key in found.keys() - changeable} == {
            key: service[key] for key in service.keys() - changeable
        }, name
        assert found.get("environment", {}).keys() >= service.get("environment", {}).keys(), name
        assert name == "worker" or found["networks"] == service["networks"], name


def test_what_answers_gets_the_settings_of_language_models(compose: dict[str, Any]) -> None:
    for name in ("http", "worker"):
        own = compose["services"][name]["environment"]
        assert {"PC_WORKER_LLM", "PC_WORKER_LLM_BUDGET_USD", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"} <= own.keys(), name


def test_no_health_check_of_ours_asks_another_server(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name not in NOT_OURS and "healthcheck" in service:
            test = " ".join(service["healthcheck"]["test"])
            asks_itself = "127.0.0.1" in test or "/state/beat" in test or test.endswith("pc_worker health")
            assert asks_itself, name
    worker = " ".join(compose["services"]["worker"]["healthcheck"]["test"])
    assert f"'127.0.0.1', {compose['x-part']['environment']['PC_WORKER_METRICS_ADDRESS'].rpartition(':')[2]}" in worker
