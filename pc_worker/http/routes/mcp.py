"""`/mcp`: the Model Context Protocol, streamable HTTP without sessions."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pc_worker.errors import InvalidRequest
from pc_worker.http.requests.bodies import api_router, check_json_type, has_body
from pc_worker.http.requests.connections import app_while_connected
from pc_worker.http.requests.roles import Reader

router = api_router(tag="assistants")

RPC_ERROR = {"description": "A JSON-RPC error.", "content": {"application/json": {}}}
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "A JSON-RPC response."},
    202: {"description": "A notification was received."},
    **dict.fromkeys((400, 404, 406), RPC_ERROR),
}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


class DelegatedResponse(Response):
    """A response that another application sends, as long as the client waits for it."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer the request."""
        await app_while_connected(self._app, scope, receive, send)


@router.post("/mcp", summary="Call a tool (Model Context Protocol)", responses=DESCRIBED, openapi_extra=BODY)
async def mcp(_caller: Reader, request: Request) -> Response:
    """Answer one JSON-RPC message of an assistant: the tools `search`, `fetch`, `list_domains` and `job_status`."""
    check_json_type(request)
    if not has_body(request):
        raise InvalidRequest("the body is empty: send a JSON-RPC message")
    return DelegatedResponse(request.app.state.mcp.handle_request)
