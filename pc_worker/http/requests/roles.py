"""The role that each route needs, and what its caller may see.

A route states its role by the type of a parameter: ``caller: Reader``, ``Writer`` or ``Admin``. A domain in the path or
in the query, under the name ``domain``, is checked with it; for one in the body the route calls ``caller.check``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pc_worker.access import Grant, Role
from pc_worker.errors import NotFound, PermissionDenied
from pc_worker.gateway.limits.quota import Caller, network_of
from pc_worker.http.requests.context import context_of
from pc_worker.settings import Settings
from pc_worker.urls import is_loopback_host
from pc_worker.urls.split import read_hosts

BEARER = HTTPBearer(auto_error=False, description="A token of `PC_WORKER_TOKEN` or `PC_WORKER_TOKENS_FILE`, or a JWT.")


@dataclass(frozen=True, slots=True)
class HttpCaller:
    """Who makes a request: what it may do, and the address it comes from."""

    grant: Grant
    host: str

    @property
    def key(self) -> str:
        """What identifies the caller: its token, or its address without one."""
        return f"address {self.host}" if self.grant.token is None else f"token {self.grant.token}"

    @property
    def quota(self) -> Caller:
        """Whom quotas count: the token, and the network that the request comes from."""
        return Caller(network_of(self.host), self.grant.token)

    @property
    def label(self) -> str | None:
        """What logs call the caller: its name, or the beginning of its token's digest."""
        return self.grant.name or (None if self.grant.token is None else self.grant.token[:12])

    @property
    def domains(self) -> frozenset[str] | None:
        """The domains that the caller may know; None = all."""
        return self.grant.domains

    def allows(self, domain: str) -> bool:
        """Return whether the caller may know ``domain``."""
        return self.grant.allows(domain)

    def check(self, domain: str) -> None:
        """Check that the caller may know ``domain``.

        Raises:
            NotFound: If not. A domain of others gets the answer of one that does not exist.
        """
        if not self.grant.allows(domain):
            raise NotFound(f"there is no domain {domain[:80]!r} for this token")


class Needs:
    """A dependency: authenticates the caller of a route, and checks its role and the domain it names."""

    def __init__(self, role: Role) -> None:
        self.role: Role = role

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
    ) -> HttpCaller:
        """Return the caller, whom the route has admitted before it read the body."""
        caller: HttpCaller | None = getattr(request.state, "caller", None)
        return await self.admit(request) if caller is None else caller

    def authorization(self, request: Request) -> str | None:
        """Return the header ``Authorization`` of a request."""
        return request.headers.get("authorization")

    async def admit(self, request: Request) -> HttpCaller:
        """Return the caller of a request.

        Raises:
            PermissionDenied: If the token does not have the role, or if a page of another host calls where no token is
                needed.
            RateLimited: If there were too many requests of its address or token.
            Unauthenticated: Without a valid token.
            NotFound: If it is not for the domain in the path or the query.
        """
        context, host = context_of(request), request.client.host if request.client else ""
        if not context.authenticator.required:
            check_local(request, context.settings)
        await context.limiter.admit_address(network_of(host))
        grant = await context.authenticator.grant(self.authorization(request))
        if grant.token is not None:
            await context.limiter.admit_token(grant.token)
        caller = HttpCaller(grant, host)
        request.state.caller = caller
        grant.check_role(self.role)
        for domain in (request.path_params.get("domain"), *request.query_params.getlist("domain")):
            if domain is not None:
                caller.check(domain)
        return caller


def needs_of(dependant: Dependant) -> Needs | None:
    """Return what a route needs, from its parameters; None for one that is public."""
    if isinstance(dependant.call, Needs):
        return dependant.call
    return next(filter(None, map(needs_of, dependant.dependencies)), None)


Reader = Annotated[HttpCaller, Depends(Needs("read"))]
Writer = Annotated[HttpCaller, Depends(Needs("write"))]
Admin = Annotated[HttpCaller, Depends(Needs("admin"))]


def check_local(request: Request, settings: Settings) -> None:
    """Check that no page of another host calls a server of this machine that needs no token, through a browser here.

    Raises:
        PermissionDenied: If the request comes from such a page, or its host is a foreign name for this machine.
    """
    origin, host = request.headers.get("origin"), request.headers.get("host")
    # With client certificates the server has a name of its own, which a browser has checked: so our pages have it, too.
    has_name = settings.tls_client_ca is not None
    known = (*settings.http_cors_origins, *([f"https://{host}"] if has_name else []))
    names = [] if origin is None or origin in known else [_host_of(origin)]
    # The header itself: the framework replaces one that it cannot read by the address that was called.
    if host is not None and not (has_name or settings.insecure or settings.http_proxies):
        names.append(_host_of(f"//{host}"))
    if not all(map(is_loopback_host, names)):
        raise PermissionDenied("pages and names of other hosts may not call this server without a token")


def _host_of(url: str) -> str:
    """Return the host of a URL; empty if it has none or cannot be read."""
    try:
        hosts = read_hosts(urlsplit(url).netloc)
    except ValueError:
        return ""
    return hosts[0][0] if len(hosts) == 1 else ""
