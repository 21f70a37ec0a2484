"""The Helm chart renders to manifests that are valid by Kubernetes' own schemas, and keeps our promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pc_worker.settings import PROJECT, Settings

CHART = PROJECT / "deploy/helm/pc-worker"
EXTERNAL = ("database.url=postgresql://db.example:5432/pcw", "redis.url=rediss://cache.example:6379/0")
EVERYTHING = (
    *("trial.enabled=true", "keda.enabled=true", "data.existingClaim=files", "tls.secretName=pair"),
    *("gateway.insecure=false", "http.ingress.enabled=true", "http.ingress.host=pcw.example"),
    *(f"monitoring.{name}.enabled=true" for name in ("serviceMonitor", "alerts", "dashboard")),
)
#: Kinds of operators that Kubernetes' schemas do not know.
OF_OPERATORS = {"ScaledObject", "TriggerAuthentication", "PodMonitor", "PrometheusRule"}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "helm"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def render(settings: Sequence[str]) -> list[dict[str, Any]]:
    """Return the manifests of a release with these values."""
    done = helm("template", "site", str(CHART), *(word for each in settings for word in ("--set", each)))
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture(scope="module")
def external() -> list[dict[str, Any]]:
    return render(EXTERNAL)


@pytest.fixture(scope="module")
def everything() -> list[dict[str, Any]]:
    return render(EVERYTHING)


def pods(manifests: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pod specifications of our own parts, by part."""
    found = {}
    for each in manifests:
        if each["kind"] in ("Deployment", "Job"):
            part = each["metadata"]["labels"]["app.kubernetes.io/component"]
            found[part] = each["spec"]["template"]["spec"]
    return found


def by_kind(manifests: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in manifests if each["kind"] == kind]


@pytest.mark.parametrize("settings", [EXTERNAL, EVERYTHING], ids=["external servers", "everything"])
def test_every_manifest_is_valid_by_the_schemas_of_kubernetes(settings: Sequence[str]) -> None:
    for each in render(settings):
        if each["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(each, "1.30", strict=True)


def test_the_chart_has_no_complaints() -> None:
    done = helm("lint", str(CHART), "--strict", "--set", ",".join(EXTERNAL))

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ((), "database.url is needed, or trial.enabled"),
        ((*EXTERNAL, "gateway.insecure=false"), "gateway.insecure=false needs tls.secretName"),
        ((*EXTERNAL, "http.ingress.enabled=true"), "http.ingress.host is needed"),
    ],
)
def test_values_that_do_not_fit_are_refused(settings: Sequence[str], complaint: str) -> None:
    done = helm("template", "site", str(CHART), *(word for each in settings for word in ("--set", each)))

    assert done.returncode != 0
    assert complaint in done.stderr


def test_every_part_is_a_command_and_every_setting_exists(everything: list[dict[str, Any]]) -> None:
    from pc_worker.cli import COMMANDS

    known = {f"PC_WORKER_{name.upper()}" for name in Settings.model_fields}
    for part, pod in pods(everything).items():
        (container,) = pod["containers"]
        assert container["args"] == [part]
        assert part in COMMANDS
        names = {each["name"].removesuffix("_FILE") for each in container["env"]}
        assert {name for name in names if name + "S_FILE" not in known} - {"PC_WORKER_TOKENS"} <= known


def test_no_secret_is_in_an_environment_or_in_arguments(everything: list[dict[str, Any]]) -> None:
    for each in everything:
        for name, value in re.findall(
            r'"name": "(\w*(?:PASSWORD|TOKEN|AUTH|CONNECTION)\w*)", "value": "(.*?)"', json.dumps(each)
        ):
            assert name.endswith("_FILE"), name
            assert value.startswith("/secrets/"), value


def test_parts_run_without_rights_and_are_given_time_to_end(everything: list[dict[str, Any]]) -> None:
    found = pods(everything)
    for part, pod in found.items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], part
        assert container["securityContext"]["readOnlyRootFilesystem"], part
        assert "memory" in container["resources"]["limits"], part
        assert part == "migrate" or "livenessProbe" in container, part
    assert min(found[part]["terminationGracePeriodSeconds"] for part in ("worker", "gateway", "http")) >= 50


def test_a_database_that_is_away_makes_no_part_restart(external: list[dict[str, Any]]) -> None:
    gateway, http = (pods(external)[part]["containers"][0] for part in ("gateway", "http"))

    assert (gateway["livenessProbe"]["tcpSocket"], gateway["readinessProbe"]["grpc"]) == (
        {"port": "grpc"},
        {"port": 50051},
    )
    assert (http["livenessProbe"]["httpGet"]["path"], http["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )


def test_the_schema_goes_first(external: list[dict[str, Any]], everything: list[dict[str, Any]]) -> None:
    (hook,), (beside,) = by_kind(external, "Job"), by_kind(everything, "Job")

    assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "annotations" not in beside["metadata"], "the database of a trial comes with the release"


def test_workers_scale_on_open_chunks_and_keep_one(everything: list[dict[str, Any]]) -> None:
    (scaled,) = by_kind(everything, "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    worker = next(each for each in by_kind(everything, "Deployment") if each["metadata"]["name"].endswith("-worker"))

    assert trigger["metadata"]["query"].split() == (CHART / "files/open_chunks.sql").read_text().split()
    assert scaled["spec"]["minReplicaCount"] >= 1
    assert scaled["spec"]["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"], "the autoscaler's number must not be overwritten by an upgrade"


def test_alerts_and_dashboard_are_those_of_the_project(everything: list[dict[str, Any]]) -> None:
    (rules,) = by_kind(everything, "PrometheusRule")
    (dashboard,) = by_kind(everything, "ConfigMap")

    assert rules["spec"] == yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    assert dashboard["data"]["pc_worker.json"] == (PROJECT / "deploy/grafana/pc_worker.json").read_text(
        encoding="utf-8"
    )


def test_every_listening_port_has_its_network_rule(external: list[dict[str, Any]]) -> None:
    rules = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in by_kind(external, "NetworkPolicy")
    }

    assert rules.keys() == {"network", "gateway", "http", "flower"}
    assert rules["network"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
