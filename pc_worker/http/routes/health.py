"""`/healthz` and `/readyz`: whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import redis.asyncio
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from redis.exceptions import RedisError

from pc_worker.errors import PcWorkerError
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.problems import AWAY_S, make_problem, problem_response
from pc_worker.http.shared_value import RecentValue
from pc_worker.store.log.read import Delivery

log = structlog.get_logger(__name__)
router = api_router(tag="health")

#: A server that takes longer is not one to send requests to.
CHECK_S = 3.0
#: Seconds that a result is given again: anybody may ask, and each check asks the servers.
CHECKED_FOR_S = 0.5

Checks = dict[str, str | None]


class Alive(BaseModel):
    """The process lives."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """What requests need, each able."""

    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]]


@router.head("/healthz", include_in_schema=False)  # what many load balancers ask by default
@router.get("/healthz", summary="Tell whether the process lives")
async def healthz() -> Alive:
    """Answer as long as the process lives, whether or not other servers answer."""
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Ready, summary="Tell whether requests can be served")
async def readyz(context: Context, request: Request) -> Response:
    """Answer 200 if everything that requests need is able, else 503 with the names of what is not."""
    servers: RecentValue[Checks] = request.app.state.server_checks
    stopping = "this server is stopping" if context.stopping.is_set() else None
    found = await servers.get() | {"server": stopping}
    wrong = {name: reason for name, reason in found.items() if reason is not None}
    if not wrong:
        return JSONResponse({"status": "ready", "checks": dict.fromkeys(found, "ok")})
    log.warning("not_ready", **wrong)
    shown = {name: reason or "ok" for name, reason in found.items()}
    problem = make_problem(503, "not_ready", f"not able to serve: {', '.join(wrong)}", checks=shown)
    return problem_response(problem, {"Retry-After": str(AWAY_S)})


@asynccontextmanager
async def server_checks(app: FastAPI) -> AsyncIterator[None]:
    """Provide the checks of the servers while the application lives: made once for all who ask at the same time."""
    context: AppContext = app.state.context
    app.state.server_checks = RecentValue(lambda: _check_servers(context), keep_s=CHECKED_FOR_S)
    yield


async def _check_servers(context: AppContext) -> Checks:
    """Return the servers that requests need, each with the reason why it is not able; None if it is."""
    database, queue = await asyncio.gather(
        _reason(lambda: _ask_database(context.delivery), "PostgreSQL does not answer"),
        _reason(lambda: _ask_redis(context.redis), "Redis does not answer"),
    )
    return {"database": database, "redis": queue}


async def _reason(ask: Callable[[], Awaitable[str | None]], away: str) -> str | None:
    try:
        async with asyncio.timeout(CHECK_S):
            return await ask()
    except (PcWorkerError, RedisError, OSError) as exc:  # TimeoutError is an OSError; the reason may name a host
        log.debug("not_able", reason=str(exc))
        return away


async def _ask_database(delivery: Delivery) -> str | None:
    async with delivery.connection() as connection:
        found = await connection.fetchval("SELECT to_regclass('domains') IS NOT NULL")
    return None if found else "the tables do not exist: run `migrate`"


async def _ask_redis(client: redis.asyncio.Redis) -> str | None:
    await client.ping()
    return None
