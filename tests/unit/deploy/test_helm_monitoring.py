"""What the chart's monitor scrapes has the labels that the alerts select."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import promql_parser
import pytest
import yaml

from pc_worker.settings import PROJECT
from tests.support.helm import EXTERNAL, Manifest, by_kind, render, templates
from tests.unit.deploy.test_monitoring import selectors

MONITOR = "monitoring.serviceMonitor.enabled=true"
RULES = yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}


def scraped(settings: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the labels of a target of each part, as the operator and the monitor's relabelings make them."""
    manifests = render(settings)
    (monitor,) = by_kind(manifests, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    found = {}
    for part, pod in templates(manifests).items():
        ports = {port["name"] for each in pod["spec"]["containers"] for port in each.get("ports", [])}
        labels = pod["metadata"]["labels"]
        if endpoint["port"] in ports and monitor["spec"]["selector"]["matchLabels"].items() <= labels.items():
            found[part] = relabelled(labels, endpoint["relabelings"], f"default/{monitor['metadata']['name']}")
    return found


def relabelled(pod: Manifest, relabelings: Sequence[Manifest], job: str) -> dict[str, str]:
    """Return the labels of a pod's target; the operator's own ``job`` is what the relabelings meet."""
    labels = {"job": job, "instance": "10.0.0.5:9464"}
    for name, value in pod.items():
        labels["__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", name)] = value
    for rule in relabelings:
        value = ";".join(labels.get(name, "") for name in rule.get("sourceLabels", ()))
        if re.fullmatch(rule.get("regex", "(.*)"), value) is not None:
            labels[rule["targetLabel"]] = rule.get("replacement", value)
    return {name: value for name, value in labels.items() if not name.startswith("__")}


def meets(labels: dict[str, str], selector: Any) -> bool:
    """Return whether a target has the labels of a selector."""
    return all(meets_one(labels.get(each.name, ""), each) for each in selector.matchers.matchers)


def meets_one(value: str, matcher: Any) -> bool:
    """Return whether a label's value is one that a matcher selects."""
    is_negative = matcher.op in (promql_parser.MatchOp.NotEqual, promql_parser.MatchOp.NotRe)
    is_exact = matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual)
    found = value == matcher.value if is_exact else re.fullmatch(matcher.value, value) is not None
    return found != is_negative


@pytest.mark.parametrize("settings", [(), ("keda.enabled=true",)], ids=["fixed", "scaled"])
def test_every_part_that_serves_metrics_is_scraped_under_its_name(settings: Sequence[str]) -> None:
    found = scraped([*EXTERNAL, MONITOR, *settings])

    assert {part: labels["part"] for part, labels in found.items()} == {
        part: part for part in ("worker", "beat", "gateway", "http")
    }
    assert {labels["job"] for labels in found.values()} == {"pcw"}


@pytest.mark.parametrize("settings", [(), ("keda.enabled=true",)], ids=["fixed", "scaled"])
@pytest.mark.parametrize("alert", [name for name, rule in ALERTS.items() if "up{" in rule["expr"]])
def test_an_alert_of_what_is_gone_selects_targets_of_the_chart(alert: str, settings: Sequence[str]) -> None:
    targets = scraped([*EXTERNAL, MONITOR, *settings]).values()
    asked = [each for each in selectors(promql_parser.parse(ALERTS[alert]["expr"])) if each.name == "up"]

    assert asked
    for selector in asked:
        assert any(meets(labels, selector) for labels in targets), selector


@pytest.mark.parametrize(("alert", "part"), [("NoGateway", "gateway"), ("NoWorker", "worker")])
def test_an_alert_of_one_part_selects_only_this_part(alert: str, part: str) -> None:
    targets = scraped([*EXTERNAL, MONITOR])
    first, *_ = selectors(promql_parser.parse(ALERTS[alert]["expr"]))

    assert [name for name, labels in targets.items() if meets(labels, first)] == [part]


def test_workers_that_keda_removes_are_not_missed() -> None:
    fixed, scaled = scraped([*EXTERNAL, MONITOR]), scraped([*EXTERNAL, MONITOR, "keda.enabled=true"])

    assert [part for part, labels in scaled.items() if labels.get("scaling") == "auto"] == ["worker"]
    assert not [part for part, labels in fixed.items() if "scaling" in labels]
