"""How long a dead process waits."""

from __future__ import annotations

from pc_worker.embedded.processes.backoff import Backoff


def test_the_first_death_is_mended_at_once() -> None:
    assert Backoff().delay_s(1) == 0.0


def test_each_further_death_waits_twice_as_long_up_to_the_most() -> None:
    delays = [Backoff(first_s=0.5, factor=2.0, most_s=3.0).delay_s(deaths) for deaths in range(2, 7)]

    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_no_number_of_deaths_overflows() -> None:
    assert Backoff().delay_s(10_000_000) == Backoff().most_s
