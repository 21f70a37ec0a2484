"""Halving a batch until the items at fault are isolated."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding.bisect import bisect


class Poison(Exception):
    """What a bad item causes."""


def doubled(items: Sequence[int]) -> list[int]:
    if bad := [item for item in items if item < 0]:
        raise Poison(bad[0])
    return [2 * item for item in items]


@given(st.lists(st.integers()))
def test_good_items_get_their_result_and_bad_ones_their_own_failure_in_order(items: list[int]) -> None:
    results = bisect(items, doubled, failure=Poison)

    assert [r.args[0] if isinstance(r, Poison) else r // 2 for r in results] == items
    assert [isinstance(r, Poison) for r in results] == [item < 0 for item in items]


def test_a_batch_without_bad_items_is_acted_on_once() -> None:
    calls: list[int] = []

    def act(items: Sequence[int]) -> Sequence[int]:
        calls.append(len(items))
        return items

    bisect(range(300), act, failure=Poison)

    assert calls == [300]


def test_one_bad_item_of_300_costs_about_two_calls_a_halving() -> None:
    calls: list[int] = []

    def act(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        return doubled(items)

    bisect([*range(200), -1, *range(99)], act, failure=Poison)

    assert len(calls) <= 2 * 9 + 1


def test_another_exception_ends_the_whole() -> None:
    def act(items: Sequence[int]) -> Sequence[int]:
        raise MemoryError

    with pytest.raises(MemoryError):
        bisect([1, 2], act, failure=Poison)
