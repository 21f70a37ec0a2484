"""Who may have how many calls open at once: a total, and shares of it, so that one client leaves room for others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from pc_worker.errors import QuotaExceeded

#: A network of IPv6 is given out whole: whoever has one of its addresses has them all.
IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call: the host it comes from, and the sha256 of its token if it has one."""

    host: str
    token: str | None = None

    @property
    def key(self) -> str:
        """What tells callers apart: the token, else the host."""
        return self.host if self.token is None else f"token {self.token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """Calls open at once: of everybody, of one token, and of one host."""

    most: int
    per_token: int
    per_host: int


class Quota:
    """The calls that are open now."""

    def __init__(self, shares: QuotaLimits, *, what: str = "streams") -> None:
        self._limits, self._what = shares, what
        self._held: Counter[str] = Counter()
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def take(self, caller: Caller) -> Iterator[None]:
        """Take one of the places while a call lasts.

        Raises:
            QuotaExceeded: If there are as many as may be, or as many of this caller's.
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
        shares = self._limits
        for key, most, whose in zip(keys, (shares.per_host, shares.per_token), ("host", "token"), strict=False):
            if self._held[key] >= most:
                raise QuotaExceeded(
                    f"{most} {self._what} of this {whose} are open, its share: end one, or try again later"
                )
        if self._open >= shares.most:
            raise QuotaExceeded(f"{self._open} {self._what} are open, no more are served at once: try again later")

    def _leave(self, keys: list[str]) -> None:
        for key in keys:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
        if not self._open:
            self._idle.set()


def host_of(peer: str) -> str:
    """Give the host of gRPC's name for a peer, such as ``ipv4:10.0.0.1:4711``; of IPv6 its network."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> IPV6_NETWORK_BITS << IPV6_NETWORK_BITS)}/{IPV6_NETWORK_BITS}"
