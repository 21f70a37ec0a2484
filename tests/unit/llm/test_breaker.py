"""When a server is left alone, and for how long."""

from __future__ import annotations

from pc_worker.llm import Breaker, LlmFailure


def test_three_failures_in_a_row_open_the_circuit_for_a_while() -> None:
    breaker = Breaker(failures=3, rest_s=30)
    for _ in range(2):
        breaker.failed("m", LlmFailure("server_error", "x"), now=100)
    assert breaker.wait_s("m", now=100) == 0

    breaker.failed("m", LlmFailure("timeout", "x"), now=100)

    assert (breaker.wait_s("m", now=110), breaker.wait_s("m", now=131)) == (20, 0)
    assert breaker.wait_s("other", now=100) == 0


def test_a_success_closes_it() -> None:
    breaker = Breaker(failures=1)
    breaker.failed("m", LlmFailure("connection", "x"), now=0)
    breaker.succeeded("m")

    assert breaker.wait_s("m", now=0) == 0


def test_a_server_says_when_to_come_back_within_limits() -> None:
    breaker = Breaker(longest_s=300)
    breaker.failed("m", LlmFailure("rate_limited", "x", 7.0), now=0)
    breaker.failed("n", LlmFailure("rate_limited", "x", 1e9), now=0)

    assert (breaker.wait_s("m", now=0), breaker.wait_s("n", now=0)) == (7, 300)


def test_what_is_not_the_servers_fault_changes_nothing() -> None:
    breaker = Breaker(failures=1)
    breaker.failed("m", LlmFailure("unsupported", "x"), now=0)

    assert breaker.wait_s("m", now=0) == 0
