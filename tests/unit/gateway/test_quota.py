from __future__ import annotations

from contextlib import ExitStack

import pytest

from pc_worker.errors import QuotaExceeded
from pc_worker.gateway.limits.quota import Caller, Quota, QuotaLimits, host_of

LIMITS = QuotaLimits(most=10, per_token=3, per_host=6)


def take_all(quota: Quota, stack: ExitStack, caller: Caller) -> int:
    """Take places until there are no more; return how many."""
    for taken in range(100):
        try:
            stack.enter_context(quota.take(caller))
        except QuotaExceeded:
            return taken
    raise AssertionError("no end")


def test_a_token_has_its_quota_and_leaves_the_rest_to_others() -> None:
    quota = Quota(LIMITS)
    with ExitStack() as stack:
        first, second = (take_all(quota, stack, Caller("10.0.0.1", token)) for token in "ab")
        third = take_all(quota, stack, Caller("10.0.0.2", "c"))

    assert (first, second, third) == (3, 3, 3)


def test_a_host_has_its_quota_with_any_tokens() -> None:
    quota = Quota(LIMITS)
    with ExitStack() as stack:
        taken = [take_all(quota, stack, Caller("10.0.0.1", token)) for token in "abcd"]

    assert taken == [3, 3, 0, 0]


def test_the_total_is_the_limit_of_all_hosts() -> None:
    quota = Quota(LIMITS)
    with ExitStack() as stack:
        taken = [take_all(quota, stack, Caller(f"10.0.0.{host}")) for host in range(3)]

    assert taken == [6, 4, 0]


async def test_an_ended_call_frees_its_place_and_its_memory() -> None:
    quota = Quota(LIMITS)
    for number in range(1000):
        with quota.take(Caller(f"10.0.{number}.1", f"token {number}")):
            pass

    await quota.emptied()
    assert not quota._held


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.0.0.1:4711", "10.0.0.1"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:4711", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("ipv6:[::ffff:10.0.0.1]:4711", "10.0.0.1"),
        ("ipv6:[fe80::1%25eth0]:1", "fe80::/64"),
        ("unix:", "unix:"),
        ("ipv4:nonsense:1", "nonsense"),
    ],
)
def test_a_host_is_separated_from_its_port(peer: str, host: str) -> None:
    assert host_of(peer) == host
