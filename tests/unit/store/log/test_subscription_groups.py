"""When the shards and the filter of a subscription change, and when a consumer is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.errors import BeyondHead, SubscriptionDiffers
from pc_worker.model.shard import Shard
from pc_worker.store.log.subscription_groups import ConsumerRequest, GroupMember, NewGroup, regrouped

A, B = '{"field":"a"}', '{"field":"b"}'


def group(*positions: int, filter: str | None = None, held: bool = False, filter_from: int = 0) -> list[GroupMember]:
    count = len(positions)
    return [
        GroupMember(f"s/{index}", index, count, position, 3 + index, held, filter, filter_from)
        for index, position in enumerate(positions)
    ]


def asked(index: int = 0, count: int = 1, **values: Any) -> ConsumerRequest:
    return ConsumerRequest(domain="law", name="s", shard=Shard(index, count), **({"head": 100} | values))


@pytest.mark.parametrize(
    ("members", "wanted", "made"),
    [
        pytest.param([], asked(), NewGroup(1, 0, None, None, 0), id="new"),
        pytest.param([], asked(1, 3, filter=A, first=7), NewGroup(3, 7, None, A, 0), id="new with all"),
        pytest.param([], asked(first=7, after=0), NewGroup(1, 0, None, None, 0), id="new at an exact start"),
        pytest.param(group(9), asked(first=7), None, id="as it is"),
        pytest.param(group(9, 4, filter=A, held=True), asked(1, 2, filter=A, after=0), None, id="as it is, held"),
        pytest.param(group(9), asked(0, 2), NewGroup(2, 9, 4, None, 0), id="one becomes two"),
        pytest.param(
            group(9, 9, 9, filter=A, filter_from=5), asked(1, 2, filter=A), NewGroup(2, 9, 6, A, 5), id="fewer"
        ),
        pytest.param(group(0), asked(filter=A), NewGroup(1, 0, 4, A, 100), id="a filter at the beginning"),
        pytest.param(group(9, 4), asked(1, 2, filter=A, after=0), NewGroup(2, 0, 5, A, 100), id="a filter from there"),
        pytest.param(group(9, filter=A), asked(after=0), NewGroup(1, 0, 4, None, 100), id="no filter any more"),
    ],
)
def test_a_group_is_made_or_stays(members: list[GroupMember], wanted: ConsumerRequest, made: NewGroup | None) -> None:
    assert regrouped(members, wanted) == made


@pytest.mark.parametrize(
    ("members", "wanted", "error", "why"),
    [
        pytest.param([], asked(first=101), BeyondHead, "after the head", id="beyond the head"),
        pytest.param(group(9, held=True), asked(0, 2), SubscriptionDiffers, "stop its consumers", id="held"),
        pytest.param(group(9, 8), asked(0, 3), SubscriptionDiffers, "8 to 9", id="positions differ"),
        pytest.param(group(9, 8), asked(), SubscriptionDiffers, "2 shards", id="a client without shards"),
        pytest.param(group(9), asked(filter=A), SubscriptionDiffers, "beginning", id="a filter later"),
        pytest.param(group(9, filter=A), asked(filter=B), SubscriptionDiffers, '"a"', id="another filter"),
        pytest.param(group(9, filter=A), asked(), SubscriptionDiffers, "no filter", id="a client without a filter"),
        pytest.param(group(0, held=True), asked(filter=A), SubscriptionDiffers, "stop", id="a filter while held"),
        pytest.param(
            group(9, 0, filter=A), asked(0, 2, filter=B), SubscriptionDiffers, "beginning", id="one is not there"
        ),
    ],
)
def test_what_would_lose_rows_is_refused(
    members: list[GroupMember], wanted: ConsumerRequest, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        regrouped(members, wanted)
