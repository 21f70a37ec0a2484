"""Connections to this machine are direct: a proxy of the environment is for other hosts.

`http_proxy` and its like are read by urllib, by gRPC and by every HTTP client here. Most machines behind a proxy set
`no_proxy`, but not all name this machine in it, and then no part would reach another one.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib.request import BaseHandler, OpenerDirector

#: The names of this machine that addresses and URLs here have.
HERE = ("localhost", "127.0.0.1", "::1")
#: Some clients read one spelling, some the other one, and gRPC its own if it is set.
PLAIN, OF_GRPC = ("no_proxy", "NO_PROXY"), "no_grpc_proxy"
#: Variables whose names end so name a proxy.
PROXY = "_proxy"


def connect_directly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Add this machine to the hosts that need no proxy, if the environment names a proxy at all."""
    if not any(value for name, value in environment.items() if _names_proxy(name)):
        return
    before = {name: environment.get(name, "") for name in PLAIN}
    for name, other in (PLAIN, PLAIN[::-1]):
        environment[name] = _with_this_machine(before[name] or before[other])
    if environment.get(OF_GRPC):
        environment[OF_GRPC] = _with_this_machine(environment[OF_GRPC])


def direct_opener(*handlers: BaseHandler) -> OpenerDirector:
    """Return an opener for addresses of our own parts, which are on this machine under any of its names."""
    from urllib.request import ProxyHandler, build_opener

    return build_opener(ProxyHandler({}), *handlers)


def _names_proxy(name: str) -> bool:
    return name.lower().endswith(PROXY) and not name.lower().startswith("no_")


def _with_this_machine(hosts: str) -> str:
    known = [host.strip() for host in hosts.split(",") if host.strip()]
    if "*" in known:
        return hosts
    return ",".join((*known, *(host for host in HERE if host not in known)))
