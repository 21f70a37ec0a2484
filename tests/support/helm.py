"""The manifests that the Helm chart renders, by Helm itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pc_worker.settings import PROJECT

CHART = PROJECT / "deploy/helm/pc-worker"
IMAGE = "image.repository=registry.example/pc_worker"
EXTERNAL = (
    IMAGE,
    "database.url=postgresql://db.example:5432/pcw",
    "redis.url=rediss://cache.example:6379/0",
)
TRIAL = (IMAGE, "trial.enabled=true")
EVERYTHING = (
    *(*TRIAL, "keda.enabled=true", "data.existingClaim=files", "tls.secretName=pair"),
    *("gateway.insecure=false", "http.ingress.enabled=true", "http.ingress.host=pcw.example"),
    *(f"monitoring.{name}.enabled=true" for name in ("serviceMonitor", "alerts", "dashboard")),
)

Manifest = dict[str, Any]


def helm(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Helm with a text on its standard input."""
    program = Path(sys.executable).parent / "helm"
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False)


def template(
    settings: Sequence[str], values: Mapping[str, Any] | None = None, *, upgrade: bool = False
) -> subprocess.CompletedProcess[str]:
    """Render a release: ``settings`` as `--set` takes them, ``values`` as a file of values has them."""
    words = [word for each in settings for word in ("--set", each)] + ["--is-upgrade"] * upgrade
    return helm("template", "site", str(CHART), "--values", "-", *words, text=yaml.safe_dump(dict(values or {})))


def render(
    settings: Sequence[str], values: Mapping[str, Any] | None = None, *, upgrade: bool = False
) -> list[Manifest]:
    """Return the manifests of a release with these values, at its install or at an upgrade."""
    done = template(settings, values, upgrade=upgrade)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def by_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """Return the manifests of a kind."""
    return [each for each in manifests if each["kind"] == kind]


def part_of(manifest: Manifest) -> str:
    """Return the component that a manifest is labelled with."""
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def by_part(manifests: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    """Return the manifests of a kind by component."""
    return {part_of(each): each for each in by_kind(manifests, kind)}


def templates(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the pod templates of our own parts, by part."""
    ours = [*by_kind(manifests, "Deployment"), *by_kind(manifests, "Job")]
    return {part_of(each): each["spec"]["template"] for each in ours}


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the pod specifications of our own parts, by part."""
    return {part: template["spec"] for part, template in templates(manifests).items()}


def containers(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the only container of each of our own parts, by part."""
    found = {}
    for part, pod in pods(manifests).items():
        (found[part],) = pod["containers"]
    return found


def environment(container: Manifest) -> dict[str, str]:
    """Return the variables of a container; each is set once."""
    names = [each["name"] for each in container["env"]]
    assert len(set(names)) == len(names), names
    return {each["name"]: each.get("value", "") for each in container["env"]}


def volumes(pod: Manifest) -> dict[str, Manifest]:
    """Return the volumes of a pod by name."""
    return {each["name"]: each for each in pod["volumes"]}
