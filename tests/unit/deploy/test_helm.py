"""The Helm chart renders to manifests that are valid by Kubernetes' own schemas, and keeps our promises."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from pc_worker.settings import PROJECT, Settings
from tests.support.helm import (
    CHART,
    EVERYTHING,
    EXTERNAL,
    TRIAL,
    Manifest,
    by_kind,
    by_part,
    containers,
    environment,
    helm,
    pods,
    render,
)

#: The kinds of KEDA and of the Prometheus operator, which Kubernetes' schemas do not know.
OF_OPERATORS: dict[str, Any] = json.loads((PROJECT / "tests/data/operator-kinds.json").read_text(encoding="utf-8"))
#: The oldest version that the chart names, and the newest that there are schemas of.
VERSIONS = ("1.27", kubernetes_validate.latest_version())


@pytest.fixture(scope="module")
def external() -> list[Manifest]:
    return render(EXTERNAL)


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    return render(EVERYTHING)


@pytest.mark.parametrize("settings", [EXTERNAL, TRIAL, EVERYTHING], ids=["external servers", "trial", "everything"])
def test_every_manifest_is_valid_by_the_schemas_of_kubernetes(settings: Sequence[str]) -> None:
    for each in render(settings):
        if each["kind"] in OF_OPERATORS:
            jsonschema.Draft7Validator(OF_OPERATORS[each["kind"]]).validate(each)
        else:
            for version in VERSIONS:
                kubernetes_validate.validate(each, version, strict=True)


def test_every_kind_of_an_operator_is_rendered_and_its_schema_refuses_what_it_does_not_know(
    everything: list[Manifest],
) -> None:
    for kind, schema in OF_OPERATORS.items():
        (manifest,) = by_kind(everything, kind)
        with pytest.raises(jsonschema.ValidationError, match="unknown"):
            jsonschema.Draft7Validator(schema).validate({**manifest, "spec": {**manifest["spec"], "unknown": 1}})


@pytest.mark.parametrize("settings", [EXTERNAL, TRIAL, EVERYTHING], ids=["external servers", "trial", "everything"])
def test_the_chart_has_no_complaints(settings: Sequence[str]) -> None:
    done = helm("lint", str(CHART), "--strict", "--set", ",".join(settings))

    assert done.returncode == 0, done.stdout


def test_every_part_is_a_command_and_every_setting_exists(everything: list[Manifest]) -> None:
    from pc_worker.cli import COMMANDS

    known = {f"PC_WORKER_{name.upper()}" for name in Settings.model_fields}
    for part, container in containers(everything).items():
        assert container["args"] == [part]
        assert part in COMMANDS
        names = set(environment(container))
        assert {name for name in names if name not in known} <= {f"{name}_FILE" for name in known}


def test_no_secret_is_in_an_environment_or_in_arguments(everything: list[Manifest]) -> None:
    for each in everything:
        for name, value in re.findall(
            r'"name": "(\w*(?:PASSWORD|TOKEN|AUTH|CONNECTION)\w*)", "value": "(.*?)"', json.dumps(each)
        ):
            assert name.endswith("_FILE"), name
            assert value.startswith("/secrets/"), value


def test_parts_run_without_rights_and_are_given_time_to_end(everything: list[Manifest]) -> None:
    for part, pod in pods(everything).items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], part
        assert pod["automountServiceAccountToken"] is False, part
        assert container["securityContext"]["readOnlyRootFilesystem"], part
        assert "memory" in container["resources"]["limits"], part
        assert part == "migrate" or "livenessProbe" in container, part
        assert pod["terminationGracePeriodSeconds"] >= 50, part


def test_no_server_that_is_away_makes_a_part_restart(everything: list[Manifest], external: list[Manifest]) -> None:
    for manifests in (everything, external):
        alive = {part: each["livenessProbe"] for part, each in containers(manifests).items() if part != "migrate"}

        assert alive["worker"]["tcpSocket"] == {"port": "metrics"}, "its stall watchdog asks the broker"
        assert alive["gateway"]["tcpSocket"] == {"port": "grpc"}
        assert (alive["http"]["httpGet"]["path"], alive["flower"]["httpGet"]["path"]) == ("/healthz", "/healthcheck")
        assert alive["beat"]["exec"]["command"][2].startswith("find /state/beat ")
    ready = {part: each["readinessProbe"] for part, each in containers(external).items() if part in ("gateway", "http")}
    assert (ready["gateway"]["grpc"], ready["http"]["httpGet"]["path"]) == ({"port": 50051}, "/readyz")


def test_every_port_that_is_probed_exists(everything: list[Manifest]) -> None:
    for part, container in containers(everything).items():
        for probe in (container.get("livenessProbe", {}), container.get("readinessProbe", {})):
            asked = [probe[kind]["port"] for kind in ("tcpSocket", "httpGet") if kind in probe]
            assert set(asked) <= {each["name"] for each in container.get("ports", [])}, part


def test_a_server_goes_on_until_no_proxy_of_the_cluster_sends_clients_to_it(everything: list[Manifest]) -> None:
    found = containers(everything)

    for part in ("gateway", "http"):
        assert found[part]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert "lifecycle" not in found["worker"], "it takes messages, and stops taking them at once"


def test_a_node_can_be_drained_with_one_replica(external: list[Manifest]) -> None:
    budgets = by_part(external, "PodDisruptionBudget")

    assert budgets.keys() == {"worker", "gateway", "http"}
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets.values())


def test_the_schema_goes_first(external: list[Manifest], everything: list[Manifest]) -> None:
    (hook,), (beside,) = by_kind(external, "Job"), by_kind(everything, "Job")

    assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "annotations" not in beside["metadata"], "the database of a trial comes with the release"


def test_workers_scale_on_open_chunks_and_keep_one(everything: list[Manifest]) -> None:
    (scaled,) = by_kind(everything, "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    worker = by_part(everything, "Deployment")["worker"]

    assert trigger["metadata"]["query"].split() == (CHART / "files/open_chunks.sql").read_text().split()
    assert scaled["spec"]["minReplicaCount"] >= 1
    assert scaled["spec"]["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"], "the autoscaler's number must not be overwritten by an upgrade"


@pytest.mark.parametrize(
    ("settings", "chunks"),
    [
        ((), None),
        (("keda.enabled=true",), None),
        (("keda.enabled=true", "keda.maxReplicas=16"), None),
        (("keda.enabled=true", "keda.maxReplicas=40"), "80"),
        (("worker.replicas=20", "worker.concurrency=4"), "80"),
        (("worker.replicas=20", "keda.enabled=true"), None),
        (("worker.replicas=20", "settings.CHUNKS_IN_FLIGHT=100"), "100"),
    ],
)
def test_one_job_can_use_all_processes_of_all_workers(settings: Sequence[str], chunks: str | None) -> None:
    default = Settings.model_fields["chunks_in_flight"].default
    for part, container in containers(render([*EXTERNAL, *settings])).items():
        assert environment(container).get("PC_WORKER_CHUNKS_IN_FLIGHT") == chunks, part
    assert default == 32, "the chart raises it where this is less than the processes"


def test_replicas_may_be_none() -> None:
    worker = by_part(render([*EXTERNAL, "worker.replicas=0"]), "Deployment")["worker"]

    assert worker["spec"]["replicas"] == 0


def test_numbers_of_a_file_of_values_are_written_out() -> None:
    settings = {"QUEUE_MAX_BYTES": 134217728, "RECONCILE_S": 12.5, "LLM_TOOLS": False, "LOG_LEVEL": "DEBUG"}
    found = environment(containers(render(EXTERNAL, {"settings": settings}))["worker"])

    assert [found[f"PC_WORKER_{name}"] for name in settings] == ["134217728", "12.5", "false", "DEBUG"]


def test_alerts_and_dashboard_are_those_of_the_project(everything: list[Manifest]) -> None:
    (rules,) = by_kind(everything, "PrometheusRule")
    (dashboard,) = by_kind(everything, "ConfigMap")

    assert rules["spec"] == yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    assert dashboard["data"]["pc_worker.json"] == (PROJECT / "deploy/grafana/pc_worker.json").read_text(
        encoding="utf-8"
    )
