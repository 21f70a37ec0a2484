"""The server of the protocol: stateless, so that any process of ours answers any request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import Field

from pc_worker import __version__
from pc_worker.errors import PcWorkerError
from pc_worker.http.mcp.documents import DomainList, FetchedItem, FoundItems
from pc_worker.http.mcp.tools import ToolCall
from pc_worker.http.requests.context import AppContext
from pc_worker.http.routes.job_documents import JobDocument

MAX_BODY_BYTES = 1024 * 1024
MAX_RESULTS = 50
INSTRUCTIONS = (
    "Search the rows of this pipeline's domains by meaning and by words. `search` returns passages with ids; `fetch` "
    "returns the whole row of an id; `list_domains` shows what there is; `job_status` shows how far an ingest is."
)
READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Query = Annotated[str, Field(description="A question or words; no character has a special meaning.")]
Domain = Annotated[str | None, Field(description="A domain of `list_domains`; null = all of them.")]
Number = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="The most results.")]
Mode = Annotated[Literal["hybrid", "vector", "text"], Field(description="By meaning and words, or by one of them.")]
ItemId = Annotated[str, Field(max_length=300, description="An id of `search`.")]
Where = Annotated[
    list[str] | None,
    Field(description="Conditions that all hold: `FIELD=VALUE`, `FIELD=A,B`, `FIELD>=VALUE` …"),
]


def make_mcp_server() -> MCPServer[Any]:
    """Return the server with its tools."""
    server: MCPServer[Any] = MCPServer("pc_worker", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    @server.tool(title="Search rows", annotations=READ_ONLY)
    async def search(
        ctx: Context, query: Query, domain: Domain = None, k: Number = 10, mode: Mode = "hybrid", where: Where = None
    ) -> FoundItems:
        """Search rows by meaning and by words. Returns titles, best passages, links, and ids for `fetch`."""
        with _reported():
            return await _call(ctx).search({"query": query, "k": k, "mode": mode, "where": where}, domain)

    @server.tool(title="Fetch a row", annotations=READ_ONLY)
    async def fetch(ctx: Context, id: ItemId) -> FetchedItem:
        """Fetch the whole text and all fields of a row."""
        with _reported():
            return await _call(ctx).fetch(id)

    @server.tool(title="List domains", annotations=READ_ONLY)
    async def list_domains(ctx: Context) -> DomainList:
        """List the domains with their rows, head, model, index and consumers."""
        with _reported():
            return await _call(ctx).list_domains()

    @server.tool(title="Status of a job", annotations=READ_ONLY)
    async def job_status(
        ctx: Context, job_id: Annotated[str, Field(max_length=300, description="The id of an ingest job.")]
    ) -> JobDocument:
        """Show how far a job is, and the outcomes of the rows of its source."""
        with _reported():
            return await _call(ctx).job_status(job_id)

    return server


def make_session_manager() -> StreamableHTTPSessionManager:
    """Return what answers the protocol's requests while it runs."""
    server = make_mcp_server()
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=MAX_BODY_BYTES,
        # By default the library answers only under the names of this machine. Who may call is decided with the role,
        # as for every other route: a token, or without tokens no page and no name of another host.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager: StreamableHTTPSessionManager = server.session_manager
    return manager


def _call(ctx: Context) -> ToolCall:
    """Return the call of a tool; the route has put the caller into the request."""
    request: Any = ctx.request_context.request
    context: AppContext = request.scope["app"].state.context
    return ToolCall(context=context, caller=request.state.caller, base_url=str(request.base_url))


@contextmanager
def _reported() -> Iterator[None]:
    """Report to the assistant what is wrong with its call."""
    try:
        yield
    except PcWorkerError as exc:
        raise ToolError(str(exc)) from exc
