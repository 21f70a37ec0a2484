"""What each part of the chart mounts: the shared HOME, sources, and only those secrets that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.helm import (
    EVERYTHING,
    EXTERNAL,
    TRIAL,
    Manifest,
    by_kind,
    containers,
    environment,
    part_of,
    pods,
    render,
    volumes,
)

SHARING = {"worker", "gateway", "http"}
ONE_NODE = "kubernetes.io/hostname"


def state_of(manifests: Sequence[Manifest]) -> Manifest:
    """Return the specification of the volume of the shared HOME."""
    (found,) = by_kind(manifests, "PersistentVolumeClaim")
    return dict(found["spec"])


def near(pod: Manifest) -> list[Manifest]:
    """Return the terms by which a pod must run on the node of others."""
    terms: list[Manifest] = (
        pod.get("affinity", {}).get("podAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])
    )
    return terms


@pytest.mark.parametrize("settings", [EXTERNAL, TRIAL], ids=["external servers", "trial"])
def test_only_parts_that_need_the_files_of_others_share_a_home(settings: Sequence[str]) -> None:
    for part, pod in pods(render(settings)).items():
        state = volumes(pod)["state"]
        assert ("persistentVolumeClaim" in state) == (part in SHARING), part
        assert part in SHARING or state["emptyDir"] == {}, part


def test_a_trial_needs_no_volume_that_several_nodes_can_write() -> None:
    manifests = render(TRIAL)
    made = [each["spec"]["volumeClaimTemplates"][0]["spec"] for each in by_kind(manifests, "StatefulSet")]

    assert {mode for each in (*made, state_of(manifests)) for mode in each["accessModes"]} == {"ReadWriteOnce"}


@pytest.mark.parametrize(
    ("settings", "together"),
    [
        (TRIAL, True),
        (EXTERNAL, False),
        ((*EXTERNAL, "state.accessModes[0]=ReadWriteOnce"), True),
        ((*TRIAL, "state.accessModes[0]=ReadWriteMany"), False),
    ],
)
def test_parts_that_share_a_volume_of_one_node_run_on_one_node(settings: Sequence[str], together: bool) -> None:
    for part, pod in pods(render(settings)).items():
        terms = near(pod)
        assert bool(terms) == (together and part in SHARING), part
        for term in terms:
            (components,) = term["labelSelector"]["matchExpressions"]
            assert (term["topologyKey"], set(components["values"])) == (ONE_NODE, SHARING)
            assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "site"


def test_an_affinity_of_the_user_is_kept() -> None:
    mine: dict[str, Any] = {"topologyKey": "example/zone", "labelSelector": {"matchLabels": {"app": "cache"}}}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [mine]},
    }
    found = pods(render(TRIAL, {"affinity": affinity}))

    assert all(pod["affinity"]["nodeAffinity"] == affinity["nodeAffinity"] for pod in found.values())
    assert [term["topologyKey"] for term in near(found["worker"])] == ["example/zone", ONE_NODE]
    assert near(found["beat"]) == [mine]


def test_sources_are_mounted_where_they_are_read() -> None:
    found = pods(render([*EXTERNAL, "data.existingClaim=files"]))

    assert {part for part, pod in found.items() if "data" in volumes(pod)} == {"worker", "http"}


def secrets_of(pod: Manifest) -> set[str]:
    """Return the keys of the Secret that a pod mounts; none by naming no key would be all of them."""
    volume = volumes(pod).get("secrets")
    items = volume["secret"]["items"] if volume else []
    assert volume is None or items, "without items every key is mounted"
    assert all(item["key"] == item["path"] for item in items)
    return {item["key"] for item in items}


def test_a_part_has_only_the_secrets_that_it_needs() -> None:
    servers = {"database-password", "redis-password"}

    assert {part: secrets_of(pod) for part, pod in pods(render(EXTERNAL)).items()} == {
        "worker": servers,
        "beat": servers,
        "migrate": servers,
        "gateway": {*servers, "token"},
        "http": {*servers, "token"},
        "flower": {"redis-password", "flower-auth"},
    }


def test_the_servers_of_a_trial_have_only_their_own_password() -> None:
    found = {
        part_of(each): secrets_of(each["spec"]["template"]["spec"]) for each in by_kind(render(TRIAL), "StatefulSet")
    }

    assert found == {"postgres": {"database-password"}, "valkey": {"redis-password"}}


@pytest.mark.parametrize(
    "settings",
    [
        EXTERNAL,
        EVERYTHING,
        (*EXTERNAL, "secretKeys.token=", "secretKeys.tokensFile=tokens.json"),
        (*EXTERNAL, "secretKeys.others[0]=engine", "settings.EMBEDDINGS_API_KEY_FILE=/secrets/engine"),
    ],
)
def test_every_secret_that_a_setting_names_is_mounted(settings: Sequence[str]) -> None:
    manifests = render(settings)
    for part, container in containers(manifests).items():
        named = {value for value in environment(container).values() if value.startswith(("/secrets/", "/tls/"))}
        pod = pods(manifests)[part]
        mounted = {f"/secrets/{key}" for key in secrets_of(pod)}
        mounted |= {"/tls/tls.crt", "/tls/tls.key"} if "tls" in volumes(pod) else set()
        assert named <= mounted, part
        assert {each["name"] for each in container["volumeMounts"]} == volumes(pod).keys(), part


def test_without_secrets_nothing_of_the_secret_is_mounted() -> None:
    keys = ("databasePassword", "redisPassword", "token", "flowerAuth")
    for part, pod in pods(render([*EXTERNAL, *(f"secretKeys.{key}=" for key in keys)])).items():
        assert "secrets" not in volumes(pod), part


def test_the_certificate_is_where_clients_connect() -> None:
    found = pods(render([*EXTERNAL, "tls.secretName=pair"]))

    assert {part for part, pod in found.items() if "tls" in volumes(pod)} == {"gateway", "http"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("RERANKER", "/state/models/cross"), ("QUERY_MODELS", "candidate=/state/models/mine")],
)
def test_models_of_the_shared_home_are_set_only_where_it_is(setting: str, value: str) -> None:
    found = containers(render(EXTERNAL, {"settings": {setting: value}}))

    assert {part for part, each in found.items() if f"PC_WORKER_{setting}" in environment(each)} == SHARING
