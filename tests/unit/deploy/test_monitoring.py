"""The dashboard and the alert rules ask only for metrics and labels that the program really exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

# Importing the modules registers their metrics.
import pc_worker.gateway.metrics
import pc_worker.hot_buffer.metrics
import pc_worker.http.requests.metrics
import pc_worker.metrics.answers
import pc_worker.metrics.line
import pc_worker.push.metrics  # noqa: F401
from pc_worker.metrics.multiprocess import Counter, Gauge, Histogram
from pc_worker.services.maintenance.line_metrics import GAUGES
from pc_worker.settings import PROJECT

DASHBOARD = json.loads((PROJECT / "deploy/grafana/pc_worker.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
SCRAPE = yaml.safe_load((PROJECT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
#: What Prometheus itself adds, or its scrape.
OF_PROMETHEUS = {"up": {"job", "instance", "part", "scaling"}}
SUFFIXES = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}


def exported() -> dict[str, set[str]]:
    """Return every series' name with its labels."""
    found = {name: set(labels) for name, (_, labels) in GAUGES.items()}
    for metric in set(REGISTRY._names_to_collectors.values()):
        if isinstance(metric, (Counter, Gauge, Histogram)) and metric._name.startswith("pcw_"):
            for suffix in SUFFIXES[type(metric)]:
                extra = {"le"} if suffix == "_bucket" else set()
                found[metric._name + suffix] = set(metric._labelnames) | extra
    return found | OF_PROMETHEUS


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


QUERIES = [target["expr"] for panel in panels() for target in panel["targets"]] + [rule["expr"] for rule in alerts()]


def parsed(query: str) -> Any:
    return promql_parser.parse(query.replace("$domain", ".*"))


def selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_what_is_exported(query: str) -> None:
    known = exported()

    found = list(selectors(parsed(query)))

    assert {selector.name for selector in found} == set(re.findall(r"\b(?:pcw_\w+|up)\b", query))
    for selector in found:
        assert selector.name in known, selector.name
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]


def test_every_panel_has_a_query_and_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])
    assert all(panel["targets"] for panel in panels())
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_metric_is_shown_or_watched() -> None:
    asked = " ".join(QUERIES)
    # Exported in addition to others that show the same at a glance.
    beside = {
        "pcw_gateway_bytes_total",
        "pcw_gateway_consumer_credit_chunks",
        "pcw_gateway_consumer_credit_bytes",
        "pcw_ledger_checked_total",
        "pcw_table_rows",
    }
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()} - beside

    assert [name for name in sorted(names) if name not in asked] == []


def test_every_alert_leads_to_its_page_of_the_runbook() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        anchor = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{anchor}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket", "none")


def test_the_scrape_reads_the_rules_and_meets_the_parts_of_the_compose_file() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
    (job,) = SCRAPE["scrape_configs"]
    (found,) = job["dns_sd_configs"]

    assert SCRAPE["rule_files"] == ["alerts.yml"]
    assert job["relabel_configs"] == [{"source_labels": ["__meta_dns_name"], "target_label": "part"}]
    assert set(found["names"]) <= set(compose["services"])
    assert compose["x-part"]["environment"]["PC_WORKER_METRICS_ADDRESS"].endswith(f":{found['port']}")
