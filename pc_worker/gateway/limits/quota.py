"""Quotas: how many calls may be open in total, of one token and of one host, so that no client takes all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from pc_worker.errors import QuotaExceeded

#: IPv6 networks are assigned whole: a client with one of the addresses has all of them.
IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call: its host, and the sha256 of its token if it has one."""

    host: str
    token: str | None = None

    @property
    def key(self) -> str:
        """What identifies the caller: the token, or the host without one."""
        return self.host if self.token is None else f"token {self.token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """Limits of concurrent calls: in total, of one token, and of one host."""

    most: int
    per_token: int
    per_host: int


class Quota:
    """The open calls, counted against the limits; ``what`` names them in errors."""

    def __init__(self, limits: QuotaLimits, *, what: str = "streams") -> None:
        self._limits, self._what = limits, what
        self._held: Counter[str] = Counter()
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def take(self, caller: Caller) -> Iterator[None]:
        """Count a call of ``caller`` during the block.

        Raises:
            QuotaExceeded: If the limit in total, of its host or of its token is reached.
        """
        keys = [f"host {caller.host}", *([] if caller.token is None else [caller.key])]
        self._check(caller, keys)
        self._open += 1
        self._held.update(keys)
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            self._leave(keys)

    async def emptied(self) -> None:
        """Wait until no call is open."""
        await self._idle.wait()

    def _check(self, caller: Caller, keys: list[str]) -> None:
        limits = self._limits
        for key, most, whose in zip(keys, (limits.per_host, limits.per_token), ("host", "token"), strict=False):
            if self._held[key] >= most:
                raise QuotaExceeded(
                    f"{most} {self._what} of this {whose} are open, its share: end one, or try again later"
                )
        if self._open >= limits.most:
            raise QuotaExceeded(f"{self._open} {self._what} are open, no more are served at once: try again later")

    def _leave(self, keys: list[str]) -> None:
        for key in keys:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
        if not self._open:
            self._idle.set()


def host_of(peer: str) -> str:
    """Return the host in gRPC's name of a peer, such as ``ipv4:10.0.0.1:4711``; for IPv6 its network."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return network_of(unquote(rest).rpartition(":")[0].strip("[]"))


def network_of(host: str) -> str:
    """Return what one client has of the network: its IPv4 address, or the network of its IPv6 address."""
    host = host.partition("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> IPV6_NETWORK_BITS << IPV6_NETWORK_BITS)}/{IPV6_NETWORK_BITS}"


class CallerLimit:
    """At most ``per_caller`` concurrent searches of one caller; more of them wait in their order."""

    def __init__(self, per_caller: int) -> None:
        self._per_caller = per_caller
        self._gates: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def slot(self, caller: Caller) -> AsyncIterator[None]:
        """Wait for one of the caller's slots, and hold it during the block."""
        key = caller.key
        gate, users = self._gates.get(key, (asyncio.Semaphore(self._per_caller), 0))
        self._gates[key] = (gate, users + 1)
        try:
            async with gate:
                yield
        finally:
            gate, users = self._gates.pop(key)
            if users > 1:
                self._gates[key] = (gate, users - 1)
