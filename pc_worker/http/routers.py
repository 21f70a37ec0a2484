"""The routes of the HTTP part: one line for each router, and for each thing that lives as long as the application."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI

from pc_worker.http.answering import answer_service
from pc_worker.http.console.operations import console_operations
from pc_worker.http.console.overview import line_health
from pc_worker.http.console.pages import PAGES
from pc_worker.http.mcp.sessions import mcp_sessions
from pc_worker.http.routes import (
    answers,
    chat,
    consumer_letters,
    dead_letters,
    dify,
    documentation,
    domains,
    files,
    health,
    jobs,
    mcp,
    openai,
    search,
    subscriptions,
)
from pc_worker.http.upload_purge import upload_purge

#: In the order of the document, and of the comparison with a request's path: searches are most.
ROUTERS: tuple[APIRouter, ...] = (
    search.router,
    health.router,
    jobs.router,
    files.router,
    answers.router,
    domains.router,
    subscriptions.router,
    consumer_letters.router,
    dead_letters.router,
    openai.router,
    chat.router,
    dify.router,
    mcp.router,
    documentation.router,
    *PAGES,
)

#: Entered when the application starts and left when it stops, such as the sessions of a protocol.
RESOURCES: tuple[Callable[[FastAPI], AbstractAsyncContextManager[None]], ...] = (
    mcp_sessions,
    health.server_checks,
    upload_purge,
    answer_service,
    console_operations,
    line_health,
)

#: Routes whose bodies are no documents; each has its own limit.
STREAMED = frozenset(("/v1/files",))

#: Routes that need no token: they show nothing of any domain.
PUBLIC = frozenset(("/healthz", "/readyz", "/openapi.json", "/docs", "/login", "/logout", "/static/{name}"))
