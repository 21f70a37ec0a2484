"""What holds for every route, also for those that are added later."""

from __future__ import annotations

from inspect import iscoroutinefunction
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pc_worker.http.app import create_app
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import Needs
from pc_worker.http.routers import PUBLIC, ROUTERS
from pc_worker.settings import Settings

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(cast(AppContext, SimpleNamespace(settings=Settings())))


def roles_of(dependant: Dependant) -> set[str]:
    """Return the roles that a route states, however deep."""
    found = {dependant.call.role} if isinstance(dependant.call, Needs) else set()
    return found.union(*map(roles_of, dependant.dependencies))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_states_one_role_or_is_public(route: APIRoute) -> None:
    assert len(roles_of(route.dependant)) == (0 if route.path in PUBLIC else 1)


def calls_of(dependant: Dependant) -> set[Any]:
    """Return what a route calls for its parameters, however deep."""
    return {dependant.call}.union(*map(calls_of, dependant.dependencies))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_nothing_of_a_route_is_a_plain_function_which_the_framework_would_call_in_a_thread(route: APIRoute) -> None:
    plain = {
        call
        for call in calls_of(route.dependant)
        if not iscoroutinefunction(call) and not iscoroutinefunction(type(call).__call__)
    }

    assert plain == set()


def test_the_document_is_openapi_3_1_and_every_call_may_end_with_a_problem(app: FastAPI) -> None:
    document = app.openapi()
    calls = [call for path in document["paths"].values() for call in path.values()]

    assert document["openapi"].startswith("3.1")
    assert len(calls) >= 2
    for call in calls:
        assert "422" not in call["responses"]
        assert list(call["responses"]["default"]["content"]) == ["application/problem+json"]


def test_every_call_is_described_and_has_an_id_of_its_own(app: FastAPI) -> None:
    calls: list[dict[str, Any]] = [call for path in app.openapi()["paths"].values() for call in path.values()]

    assert all(call["summary"] and call["description"] for call in calls)
    assert len({call["operationId"] for call in calls}) == len(calls)


def test_probes_may_ask_by_head(app: FastAPI) -> None:
    asked = {route.path for route in ROUTES if "HEAD" in (route.methods or ())}

    assert asked == {"/healthz", "/readyz"}
    assert not any("head" in path for path in app.openapi()["paths"].values())
