"""The alert rules: a component that vanishes with all its series fires an alert, a healthy one does not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from pc_worker.settings import PROJECT

RULES = PROJECT / "deploy" / "prometheus"
CASES = yaml.safe_load((RULES / "alerts_test.yml").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))
ALERTMANAGER = yaml.safe_load((PROJECT / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def promtool() -> str:
    """Return the path of promtool, from Debian's package if necessary."""
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


Series = dict[str, str]
BEAT: list[Series] = [
    {"__name__": "up", "job": "pcw", "part": "beat"},
    {"__name__": "pcw_postgres_up"},
    {"__name__": "pcw_queue_up"},
    {"__name__": "pcw_chunks_open", "domain": "document"},
]
WORKER: list[Series] = [
    {"__name__": "up", "job": "pcw", "part": "worker"},
    {"__name__": "pcw_chunk_seconds_count", "domain": "document"},
    {"__name__": "pcw_upkeep_done_timestamp_seconds", "task": "reconcile"},
]
GATEWAY: list[Series] = [{"__name__": "up", "job": "pcw", "part": "gateway"}]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        pytest.param([], {"LineNotMeasured", "UpkeepStopped", "Watchdog"}, id="nothing at all"),
        pytest.param(BEAT, {"NoWorker", "NothingProgresses", "UpkeepStopped", "NoGateway", "PartDown"}, id="beat"),
        pytest.param([*BEAT, *GATEWAY], {"NoWorker", "NothingProgresses", "UpkeepStopped", "PartDown"}, id="no worker"),
        pytest.param([*BEAT, *WORKER], {"NoGateway", "PartDown"}, id="no gateway"),
        pytest.param([*WORKER, *GATEWAY], {"LineNotMeasured", "PartDown"}, id="no beat"),
    ],
)
def test_a_rule_about_what_is_gone_does_not_compare_with_nothing(left: list[Series], told: set[str]) -> None:
    """For any values: a rule that has no result when only ``left`` is scraped cannot fire. Needs no promtool."""
    rules = {rule["alert"]: rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]}
    before = [*BEAT, *WORKER, *GATEWAY]

    can_fire = {name for name, text in rules.items() if has_result(promql_parser.parse(text), left, before)}

    assert told <= can_fire
    assert "LineNotMeasured" in told or "LineNotMeasured" not in can_fire


def has_result(node: Any, now: list[Series], before: list[Series]) -> bool:
    """Return whether a query can have a result with these series now, and these before; any comparison may hold."""
    match node:
        case promql_parser.NumberLiteral():
            return True
        case promql_parser.VectorSelector():
            return any(is_selected(node, series) for series in now)
        case promql_parser.MatrixSelector():
            return has_result(node.vector_selector, [*now, *before], before)
        case promql_parser.SubqueryExpr():
            return has_result(node.expr, [*now, *before], before)
        case promql_parser.Call() if node.func.name == "absent":
            return not has_result(node.args[0], now, before)
        case promql_parser.Call():
            return all(has_result(argument, now, before) for argument in node.args)
        case promql_parser.BinaryExpr():
            sides = has_result(node.lhs, now, before), has_result(node.rhs, now, before)
            # `unless` and comparisons take single series away: whether all is a matter of values.
            return any(sides) if str(node.op) == "or" else sides[0] if str(node.op) == "unless" else all(sides)
        case _:
            return has_result(node.expr, now, before)


def is_selected(selector: Any, series: Series) -> bool:
    """Return whether a selector takes a series."""
    if selector.name != series["__name__"]:
        return False
    for matcher in selector.matchers.matchers:
        value, operator = series.get(matcher.name, ""), str(matcher.op).removeprefix("MatchOp.")
        same = re.fullmatch(matcher.value, value) is not None if "Re" in operator else matcher.value == value
        if same == operator.startswith("Not"):
            return False
    return True
