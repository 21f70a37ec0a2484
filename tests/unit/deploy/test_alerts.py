"""The alert rules at work: what vanishes with all its series is told, and what is well is not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pc_worker.settings import PROJECT

RULES = PROJECT / "deploy" / "prometheus"
CASES = yaml.safe_load((RULES / "alerts_test.yml").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))
ALERTMANAGER = yaml.safe_load((PROJECT / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def promtool() -> str:
    """Where it is, taken from Debian's package if need be."""
    script = ["sh", str(PROJECT / "scripts/promtool.sh")]
    try:
        done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("promtool could not be downloaded in time")
    if done.returncode:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip()


def run(promtool: str, *arguments: str | Path) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, cwd=RULES, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_gone_is_told_and_what_is_well_is_not(promtool: str) -> None:
    run(promtool, "test", "rules", "alerts_test.yml")


def test_the_configuration_is_valid(promtool: str) -> None:
    run(promtool, "check", "config", "prometheus.yml")


def test_everything_that_pages_for_what_is_gone_is_played_through() -> None:
    expected = {
        check["alertname"] for case in CASES["tests"] for check in case["alert_rule_test"] if check["exp_alerts"]
    }

    told = {"PartDown", "NoGateway", "NoWorker", "LineNotMeasured", "NothingProgresses", "UpkeepStopped", "Watchdog"}
    assert told <= expected


def routes() -> list[dict[str, Any]]:
    route = ALERTMANAGER["route"]
    return [route, *route["routes"]]


def test_every_severity_reaches_somebody_and_every_alert_that_is_named_exists() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    names, severities = {rule["alert"] for rule in rules}, {rule["labels"]["severity"] for rule in rules}
    matchers = [matcher for route in routes() for matcher in route.get("matchers", [])]
    inhibited = [m for rule in ALERTMANAGER["inhibit_rules"] for m in rule["source_matchers"] + rule["target_matchers"]]
    named = {
        name
        for matcher in [*matchers, *inhibited]
        if matcher.startswith("alertname")
        for name in matcher.split(" ", 2)[2].strip('"').split("|")
    }

    assert severities == {"page", "ticket", "none"}
    assert named <= names
    assert {"alertname = Watchdog", "severity = page"} == set(matchers)
    assert {route["receiver"] for route in routes()} == {receiver["name"] for receiver in ALERTMANAGER["receivers"]}


def test_alerts_go_where_the_compose_file_has_an_alertmanager_with_its_secrets() -> None:
    watch = yaml.safe_load((PROJECT / "deploy/watch.yml").read_text(encoding="utf-8"))
    scrape = yaml.safe_load((RULES / "prometheus.yml").read_text(encoding="utf-8"))
    service = watch["services"]["alertmanager"]
    (manager,) = scrape["alerting"]["alertmanagers"]
    files = {hook["url_file"] for receiver in ALERTMANAGER["receivers"] for hook in receiver["webhook_configs"]}

    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert files == {f"/run/secrets/{name}" for name in service["secrets"]}
    assert set(service["secrets"]) == set(watch["secrets"])
    assert all(secret["file"].startswith("${ALERT_") and ":?" in secret["file"] for secret in watch["secrets"].values())
