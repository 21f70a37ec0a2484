"""Every call of the OpenAPI document, with inputs made from its schemas: no error of ours, no undocumented answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import content_type_conformance, not_a_server_error, status_code_conformance

from tests.support.stack import LiveStack

#: Inputs of each call: all together take less than a minute.
EXAMPLES = 12
CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]


def test_no_input_is_an_error_of_the_server(stack: LiveStack) -> None:
    schema = schemathesis.openapi.from_url(f"http://{stack.addresses.http}/openapi.json")
    statuses: Counter[int] = Counter()
    calls = 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()
        calls += 1

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def conforms(case: Any) -> None:
            response = case.call(timeout=30)
            statuses[response.status_code] += 1
            if response.status_code == 503 and response.json()["code"] == "no_llm":
                return  # no language model is set in tests
            case.validate_response(response, checks=CHECKS)

        conforms()

    print(f"{calls} calls, {statuses.total()} cases: {dict(sorted(statuses.items()))}")  # noqa: T201 - shown with -s
    assert calls >= 25
