"""The chart's network policies admit exactly who is to be admitted, and parts reach all that the values name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.support.helm import EVERYTHING, EXTERNAL, IMAGE, TRIAL, Manifest, by_part, containers, render

ANY_NAMESPACE: Manifest = {"namespaceSelector": {}}
OWN_NAMESPACE: Manifest = {"podSelector": {}}
INGRESS = ("http.ingress.enabled=true", "http.ingress.host=pcw.example")


def admits(manifests: Sequence[Manifest]) -> dict[str, list[Manifest]]:
    """Return the peers that each policy admits, by its component."""
    policies = by_part(manifests, "NetworkPolicy")
    return {
        part: [peer for rule in each["spec"]["ingress"] for peer in rule["from"]] for part, each in policies.items()
    }


def egress(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the rules of what the parts may reach."""
    rules: list[Manifest] = by_part(manifests, "NetworkPolicy")["network"]["spec"]["egress"]
    return rules


def ports_anywhere(manifests: Sequence[Manifest]) -> set[int]:
    """Return the ports that may be reached at any address."""
    return {port["port"] for rule in egress(manifests) if "to" not in rule for port in rule["ports"]}


def ports_at(manifests: Sequence[Manifest], address: str) -> set[int]:
    """Return the ports that may be reached at an address that a rule names."""
    found = set()
    for rule in egress(manifests):
        blocks = [ip_network(peer["ipBlock"]["cidr"]) for peer in rule.get("to", ()) if "ipBlock" in peer]
        if any(ip_address(address) in block for block in blocks):
            found |= {port["port"] for port in rule["ports"]}
    return found


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (EXTERNAL, {"network", "gateway", "http", "flower"}),
        ((*EXTERNAL, "http.enabled=false", "flower.enabled=false"), {"network", "gateway"}),
        (EVERYTHING, {"network", "gateway", "http", "flower", "keda"}),
        ((*EXTERNAL, "networkPolicy.enabled=false"), set()),
    ],
)
def test_every_listening_port_has_its_network_rule(settings: Sequence[str], parts: set[str]) -> None:
    assert by_part(render(settings), "NetworkPolicy").keys() == parts


def test_every_port_of_a_rule_is_one_of_the_part(everything: list[Manifest]) -> None:
    listening = {part: each for part, each in containers(everything).items() if "ports" in each}
    names = {part: {port["name"] for port in each["ports"]} for part, each in listening.items()}
    for part, policy in by_part(everything, "NetworkPolicy").items():
        asked = {port["port"] for rule in policy["spec"]["ingress"] for port in rule.get("ports", [])}
        assert asked <= names.get(part, {"metrics", "postgres"}), part


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    return render(EVERYTHING)


@pytest.mark.parametrize("empty", ["clients", "monitoring", "external", "keda"])
@pytest.mark.parametrize("settings", [EXTERNAL, EVERYTHING, (*EXTERNAL, "http.service.type=LoadBalancer")])
def test_no_peer_is_never_everyone(settings: Sequence[str], empty: str) -> None:
    manifests = render(settings, {"networkPolicy": {empty: []}})

    for part, policy in by_part(manifests, "NetworkPolicy").items():
        assert all(rule["from"] for rule in policy["spec"]["ingress"]), part


def test_clients_are_pods_of_the_namespace_unless_more_is_asked_for() -> None:
    found = admits(render(EXTERNAL))

    assert all(found[part] == [OWN_NAMESPACE] for part in ("gateway", "http", "flower"))
    assert "gateway" not in admits(render(EXTERNAL, {"networkPolicy": {"clients": []}}))


def test_the_ingress_controller_is_admitted_to_http_only() -> None:
    found = admits(render([*EXTERNAL, *INGRESS]))
    narrow = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
    narrowed = admits(render([*EXTERNAL, *INGRESS], {"http": {"ingress": {"from": [narrow]}}}))

    assert (found["http"], found["gateway"]) == ([OWN_NAMESPACE, ANY_NAMESPACE], [OWN_NAMESPACE])
    assert narrowed["http"] == [OWN_NAMESPACE, narrow]


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
@pytest.mark.parametrize("part", ["gateway", "http"])
def test_clients_of_a_service_that_is_open_to_the_outside_are_admitted(part: str, kind: str) -> None:
    found = admits(render([*EXTERNAL, f"{part}.service.type={kind}"]))
    other = {"gateway": "http", "http": "gateway"}[part]

    assert {"ipBlock": {"cidr": "0.0.0.0/0"}} in found[part]
    assert found[other] == [OWN_NAMESPACE]


def test_keda_is_admitted_to_the_database_of_a_trial() -> None:
    policy = by_part(render([*TRIAL, "keda.enabled=true"]), "NetworkPolicy")["keda"]
    (rule,) = policy["spec"]["ingress"]

    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "postgres"
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}]
    assert [port["port"] for port in rule["ports"]] == ["postgres"]


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, {5432, 6379}),
        ({"database": {"url": "postgresql://pooler.example:6432/pcw"}}, {6432, 6379}),
        ({"database": {"url": "postgresql://u:p%40w@db.example/pcw?sslmode=require"}}, {5432, 6379}),
        ({"database": {"url": "postgresql://a.example:5433,b.example,c.example:5434/pcw"}}, {5432, 5433, 5434, 6379}),
        ({"database": {"url": "postgresql://[2001:db8::1]:5435/pcw"}}, {5435, 6379}),
        ({"redis": {"url": "rediss://cache.example:6380/0"}}, {5432, 6380}),
        ({"settings": {"MODEL": "openai:m@http://tei.example:8081/v1"}}, {5432, 6379, 8081}),
        ({"settings": {"LLM": "openai:a@http://vllm:8000/v1,anthropic:b"}}, {5432, 6379, 8000}),
        ({"settings": {"QUERY_MODELS": "candidate=openai:m@https://e.example:8443/v1"}}, {5432, 6379, 8443}),
        ({"settings": {"RERANKER": "tei:m@http://rerank.example/"}}, {5432, 6379, 80}),
        ({"settings": {"JWT_JWKS": "https://issuer.example:9443/keys"}}, {5432, 6379, 9443}),
        ({"settings": {"BATCH_SERVERS": "batch.example:9090, [2001:db8::2]:9091"}}, {5432, 6379, 9090, 9091}),
        ({"settings": {"HTTP_CORS_ORIGINS": "https://app.example:7443"}}, {5432, 6379}),
        (
            {"extraEnv": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel.example:4317"}]},
            {5432, 6379, 4317},
        ),
        ({"extraEnv": [{"name": "AWS_ENDPOINT_URL", "value": "http://minio.example:9000"}]}, {5432, 6379, 9000}),
        (
            {"extraEnv": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "other", "key": "key"}}}]},
            {5432, 6379},
        ),
        ({"networkPolicy": {"egressPorts": [8443, 9443]}}, {5432, 6379, 8443, 9443}),
    ],
)
def test_parts_reach_what_the_values_name(values: Mapping[str, Any], ports: set[int]) -> None:
    servers = {"database": {"url": "postgresql://db.example/pcw"}, "redis": {"url": "redis://cache.example/0"}}
    always = set() if "networkPolicy" in values else {443}

    assert ports_anywhere(render([IMAGE], {**servers, **values})) == ports | always


def test_a_trial_has_its_servers_inside() -> None:
    assert ports_anywhere(render(TRIAL)) == {443}


def test_further_rules_are_added() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 10000, "protocol": "TCP"}]}

    assert rule in egress(render(EXTERNAL, {"networkPolicy": {"egress": [rule]}}))


def test_names_are_resolved_also_by_the_cache_of_a_node() -> None:
    manifests = render(EXTERNAL)
    dns = next(rule for rule in egress(manifests) if ANY_NAMESPACE in rule.get("to", ()))

    assert {(port["port"], port["protocol"]) for port in dns["ports"]} >= {(53, "UDP"), (53, "TCP")}
    assert 53 in ports_at(manifests, "169.254.20.10")


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.23"])
@pytest.mark.parametrize(
    ("values", "has_role"),
    [
        ({"data": {"roots": "s3://bucket/people"}}, True),
        ({"data": {"roots": "/data:gs://bucket/people"}}, True),
        ({"settings": {"INBOX": "az://container/inbox"}}, True),
        ({"data": {"roots": "/data"}}, False),
    ],
)
def test_credentials_of_a_role_are_reached_only_for_object_stores(
    values: Mapping[str, Any], has_role: bool, address: str
) -> None:
    assert (80 in ports_at(render(EXTERNAL, values), address)) == has_role
