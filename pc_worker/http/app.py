"""The application: routes, errors, middleware, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from pc_worker import __version__
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.guards import GuardedRequests
from pc_worker.http.requests.observing import ObservedRequests
from pc_worker.http.requests.problems import MEDIA_TYPE, Problem, install_problems
from pc_worker.http.requests.unexpected import AnsweredErrors
from pc_worker.http.routers import RESOURCES, ROUTERS, STREAMED

TITLE = "pc_worker"
DESCRIPTION = (
    "Files of records in; embedded, searchable rows out. Errors are RFC 9457 problem documents with a stable `code`. "
    "Lists take `limit` and the opaque `cursor`."
)
PROBLEM_RESPONSE = {
    "description": "An error, as a problem document (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def create_app(context: AppContext) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours are in `observing`
        middleware=[
            Middleware(ObservedRequests),
            *_cross_origin(context),
            Middleware(AnsweredErrors),
            Middleware(GuardedRequests, streamed=STREAMED),
        ],
        lifespan=_lifespan,
    )
    app.state.context = context
    install_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way of changing it
    return app


def _cross_origin(context: AppContext) -> list[Middleware]:
    """Return the middleware for browser applications of other origins, if any are set; cookies are never accepted."""
    origins = context.settings.http_cors_origins
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-Id"],
            expose_headers=["Location", "ETag", "Retry-After", "X-Request-Id"],
        )
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for resource in RESOURCES:
            await stack.enter_async_context(resource(app))
        yield


def _document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once: every call may end with a problem."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for call in path.values():
                call["responses"].pop("422", None)
                call["responses"]["default"] = PROBLEM_RESPONSE
        app.openapi_schema = document
    return app.openapi_schema
