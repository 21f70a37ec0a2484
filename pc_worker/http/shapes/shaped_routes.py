"""Routes in another product's shape: their errors are problem documents with the members that its clients read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response

from pc_worker.http.requests.bodies import BoundedRoute
from pc_worker.http.requests.problems import ProblemMembers


def shaped_router(*, tag: str, members: ProblemMembers) -> APIRouter:
    """Return a router whose errors have more members."""

    class ShapedRoute(BoundedRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def shaped(request: Request) -> Response:
                request.state.problem_members = members
                return await handler(request)

            return shaped

    return APIRouter(tags=[tag], route_class=ShapedRoute)
