"""The chart's values: a typing error is refused, the image has a version, and cloud roles can be set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

import pc_worker
from pc_worker.settings import Settings
from pc_worker.settings.settings import SECRETS
from tests.support.helm import (
    CHART,
    EXTERNAL,
    IMAGE,
    TRIAL,
    by_kind,
    by_part,
    containers,
    environment,
    pods,
    render,
    template,
    templates,
)

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
#: What the chart sets itself, from other values.
OF_THE_CHART = {
    *("DATABASE_URL", "DATABASE_USER", "REDIS_URL", "REDIS_USER", "DATA_ROOTS", "HOME", "CONCURRENCY", "TOKENS_FILE"),
    *("GATEWAY_ADDRESS", "HTTP_ADDRESS", "FLOWER_ADDRESS", "METRICS_ADDRESS", "HTTP_PROXIES", "TLS_CERT", "TLS_KEY"),
}
#: Secrets that are keys of the Secret already.
MOUNTED = {"DATABASE_PASSWORD", "REDIS_PASSWORD", "TOKEN", "FLOWER_AUTH"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ((IMAGE,), "database.url is needed, or trial.enabled"),
        (EXTERNAL[1:], "image.repository is needed"),
        ((*EXTERNAL, "gateway.insecure=false"), "gateway.insecure=false needs tls.secretName"),
        ((*EXTERNAL, "http.ingress.enabled=true"), "http.ingress.host is needed"),
        ((*EXTERNAL, "wroker.replicas=3"), "wroker"),
        ((*EXTERNAL, "worker.replica=3"), "replica"),
        ((*EXTERNAL, "worker.replicas=three"), "replicas"),
        ((*EXTERNAL, "http.ingress.hosts=pcw.example"), "hosts"),
        ((*EXTERNAL, "networkPolicy.egressPorts[0]=99999"), "egressPorts"),
        ((*EXTERNAL, "keda.minReplicas=0"), "minReplicas"),
        ((*EXTERNAL, "state.accessModes[0]=ReadWriteOncePod"), "accessModes"),
        ((*EXTERNAL, "settings.LOG_FROMAT=json"), "LOG_FROMAT"),
        ((*EXTERNAL, "settings.PC_WORKER_LOG_FORMAT=json"), "PC_WORKER_LOG_FORMAT"),
        ((*EXTERNAL, "settings.EMBEDDINGS_API_KEY=secret"), "EMBEDDINGS_API_KEY"),
        ((*EXTERNAL, "settings.DATABASE_URL=postgresql://db/pcw"), "DATABASE_URL"),
        ((*EXTERNAL, "database.url=mysql://db/pcw"), "database.url"),
        ((*EXTERNAL, "image.variant=thin"), "variant"),
        ((*EXTERNAL, "gateway.disruptionBudget.minAvailable=1"), "disruptionBudget"),
        ((*EXTERNAL, r"podLabels.app\.kubernetes\.io/name=other"), "podLabels"),
    ],
)
def test_values_that_do_not_fit_are_refused(settings: Sequence[str], complaint: str) -> None:
    done = template(settings)

    assert done.returncode != 0
    assert complaint in done.stderr


def test_the_settings_of_the_schema_are_those_of_the_program() -> None:
    allowed = SCHEMA["properties"]["settings"]["propertyNames"]["enum"]
    plain = {name.upper() for name in Settings.model_fields if name not in SECRETS}
    in_files = {f"{name.upper()}_FILE" for name in SECRETS if name.upper() not in OF_THE_CHART | MOUNTED}

    assert set(allowed) == (plain - OF_THE_CHART) | in_files, "change values.schema.json with the settings"
    assert allowed == sorted(allowed)


def test_no_object_of_the_schema_takes_unknown_keys() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    assert SCHEMA["properties"].keys() - {"global"} == values.keys()
    for name, value in values.items():
        fields = SCHEMA["properties"][name].get("properties")
        if fields is not None:
            assert SCHEMA["properties"][name]["additionalProperties"] is False, name
            assert fields.keys() >= value.keys(), name


def test_the_image_has_the_version_so_that_an_upgrade_replaces_the_pods() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    images = {each["image"] for each in containers(render(EXTERNAL)).values()}
    full = {each["image"] for each in containers(render([*EXTERNAL, "image.variant=full"])).values()}
    own = {each["image"] for each in containers(render([*EXTERNAL, "image.tag=mine"])).values()}

    assert chart["appVersion"] == pc_worker.__version__
    assert images == {f"registry.example/pc_worker:{pc_worker.__version__}-slim"}
    assert full == {f"registry.example/pc_worker:{pc_worker.__version__}-full"}
    assert own == {"registry.example/pc_worker:mine"}


def test_a_role_of_a_cloud_is_set_by_annotation_of_an_account_of_the_release() -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/reader"}
    values = {
        "serviceAccount": {"annotations": role},
        "podLabels": {"azure.workload.identity/use": "true"},
        "podAnnotations": {"example/of": "pods"},
    }
    manifests = render(EXTERNAL, values)
    (account,) = by_kind(manifests, "ServiceAccount")

    assert account["metadata"]["annotations"] == role
    assert account["automountServiceAccountToken"] is False
    for part, pod in templates(manifests).items():
        assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true", part
        assert pod["metadata"]["annotations"] == {"example/of": "pods"}, part
        expected = "default" if part == "migrate" else account["metadata"]["name"]
        assert pod["spec"]["serviceAccountName"] == expected, "a hook before the release has no account of it"
    for part, pod in templates(render(EXTERNAL, values, upgrade=True)).items():
        assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"], part


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (("serviceAccount.create=false",), "default"),
        (("serviceAccount.create=false", "serviceAccount.name=mine"), "mine"),
        (("serviceAccount.name=mine",), "mine"),
    ],
)
def test_the_account_may_be_another(settings: Sequence[str], name: str) -> None:
    manifests = render([*TRIAL, *settings])
    made = [each["metadata"]["name"] for each in by_kind(manifests, "ServiceAccount")]

    assert {pod["serviceAccountName"] for pod in pods(manifests).values()} == {name}
    assert made == ([] if "serviceAccount.create=false" in settings else [name])


def test_the_token_of_the_account_is_mounted_only_if_asked_for() -> None:
    found = pods(render([*EXTERNAL, "serviceAccount.automountToken=true"]))

    assert all(pod["automountServiceAccountToken"] is True for pod in found.values())


@pytest.mark.parametrize(("tls", "scheme"), [((), "http"), (("tls.secretName=pair",), "https")])
def test_what_is_in_front_speaks_the_protocol_of_the_part(tls: Sequence[str], scheme: str) -> None:
    ingress = ("http.ingress.enabled=true", "http.ingress.host=pcw.example")
    manifests = render([*EXTERNAL, *ingress, *tls])
    services = {part: each["spec"]["ports"][0]["appProtocol"] for part, each in by_part(manifests, "Service").items()}
    annotations = by_part(manifests, "Ingress")["http"]["metadata"]["annotations"]

    assert services == {
        "gateway": "https" if tls else "kubernetes.io/h2c",
        "http": scheme,
        "flower": "http",
    }
    assert annotations.get("nginx.ingress.kubernetes.io/backend-protocol") == ("HTTPS" if tls else None)
    assert containers(manifests)["http"]["livenessProbe"]["httpGet"]["scheme"] == scheme.upper()


def test_annotations_of_the_ingress_and_of_services_are_added_to_ours() -> None:
    buffering = "nginx.ingress.kubernetes.io/proxy-buffering"
    ingress = {"enabled": True, "host": "pcw.example", "annotations": {"example/issuer": "ca", buffering: "on"}}
    values = {"http": {"ingress": ingress, "service": {"annotations": {"example/scheme": "https"}}}}
    manifests = render(EXTERNAL, values)
    found = by_part(manifests, "Ingress")["http"]["metadata"]["annotations"]

    assert (found["example/issuer"], found[buffering]) == ("ca", "on")
    assert found["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    assert by_part(manifests, "Service")["http"]["metadata"]["annotations"] == {"example/scheme": "https"}


def test_http_believes_the_proxies_that_are_named() -> None:
    found = containers(render(EXTERNAL, {"http": {"proxies": ["10.0.0.0/8", "192.0.2.7"]}}))
    without = containers(render(EXTERNAL))

    assert environment(found["http"])["PC_WORKER_HTTP_PROXIES"] == "10.0.0.0/8,192.0.2.7"
    assert not any("PC_WORKER_HTTP_PROXIES" in environment(each) for each in without.values())


def test_certificates_of_clients_can_be_demanded() -> None:
    settings = ("tls.secretName=pair", "settings.TLS_CLIENT_CA=/tls/ca.crt")
    found = containers(render([*EXTERNAL, *settings]))

    assert {part for part, each in found.items() if "PC_WORKER_TLS_CLIENT_CA" in environment(each)} == {
        *("gateway", "http")
    }
    assert "tcpSocket" in found["http"]["readinessProbe"], "Kubernetes has no certificate"
