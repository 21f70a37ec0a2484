"""Joined texts: every row is in exactly one, of its own group only, within the bound, in any order of arrival."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.domains import Domain, Field, Join, Member, group_of, join_rows, spoken
from pc_worker.domains.cleaning.rules import text
from pc_worker.encoding.text.line_tokens import line_tokens

JOIN = Join(group=("meeting",), order=("start",), speaker="speaker", begins="start", ends="end", max_tokens=40)

UTTERANCES = st.lists(
    st.fixed_dictionaries(
        {
            "meeting": st.sampled_from(["주간 회의", "weekly", "7", None]),
            "speaker": st.sampled_from(["Ann", "민지", "", None]),
            "start": st.one_of(
                st.integers(0, 50),
                st.floats(0, 50, width=32),
                st.sampled_from([None, "2026-03-02T10:00:00+09:00", "x"]),
            ),
            "text": st.sampled_from(
                ["네.", "Yes, agreed.", "예산은 다음 주에 다시 검토하겠습니다. " * 2, "word " * 30]
            ),
        }
    ),
    max_size=30,
)


def member(number: int, **payload: Any) -> Member:
    return Member(
        row_id=UUID(int=number + 1),
        key=str(number),
        payload=payload,
        text=payload["text"],
        content_hash=bytes([number]),
    )


@given(UTTERANCES, st.randoms(use_true_random=False))
def test_each_row_is_in_one_text_of_its_group_within_the_bound_in_any_order(
    payloads: list[dict[str, Any]], chance: random.Random
) -> None:
    members = [member(number, **payload) for number, payload in enumerate(payloads)]
    shuffled = chance.sample(members, len(members))

    joined = join_rows(JOIN, members, line_tokens)

    assert join_rows(JOIN, shuffled, line_tokens) == joined
    assert sorted(part.member.row_id for one in joined for part in one.parts) == [m.row_id for m in members]
    assert len({one.id for one in joined}) == len(joined)
    for one in joined:
        assert {group_of(JOIN, part.member.payload) for part in one.parts} == {one.group}
        assert len(one.parts) == 1 or sum(map(line_tokens, one.text.split("\n"))) + 2 <= JOIN.max_tokens
        assert all(one.text[part.start : part.end].endswith(part.member.text.strip()) for part in one.parts)
        assert "\n".join(one.text[part.start : part.end] for part in one.parts) == one.text


def test_a_text_names_each_speaker_where_the_speaker_changes() -> None:
    said = [("Ann", "One."), ("Ann", "Two."), ("민지", "셋."), (None, "Four."), ("Ann", "Five.")]
    members = [member(n, meeting="m", speaker=who, start=n, text=what) for n, (who, what) in enumerate(said)]

    [joined] = join_rows(JOIN, members, line_tokens)

    assert joined.text == "Ann: One.\nTwo.\n민지: 셋.\nFour.\nAnn: Five."
    assert joined.payload["speaker"] == ["Ann", "민지", None]


def test_neighbours_are_ordered_by_time_not_by_text() -> None:
    starts = [10, 9.5, "2026-03-02T10:00:00+09:00", "2026-03-02T02:00:00+00:00", None, "later"]
    members = [member(n, meeting="m", start=start, text=str(n)) for n, start in enumerate(starts)]

    [joined] = join_rows(JOIN, members, line_tokens)

    assert joined.text.split("\n") == ["1", "0", "2", "3", "5", "4"]


def test_who_and_when_of_rows() -> None:
    rows: list[dict[str, Any]] = [
        {"speaker": "Ann", "start": 5, "end": 30.5},
        {"speaker": "민지", "start": 9, "end": None},
        {"speaker": "Ann", "start": 12, "end": 14},
    ]

    found = spoken(JOIN, rows)

    assert (found.speakers, found.begins, found.ends) == (("Ann", "민지"), 5, 30.5)
    assert spoken(JOIN, [{"speaker": None}]) == spoken(Join(group=("a",), order=("b",)), rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"join": Join(group=("meeting",), order=("b",))}, "meeting"),
        ({"key_fields": ("c",)}, "'c'"),
        ({"text": (), "search": ("b",), "join": Join(group=("b",), order=("b",))}, "exactly one"),
        ({"name": "a.joined"}, "joined passages"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    declared: dict[str, Any] = {"name": "a", "key": ("id",), "fields": (Field("b", ("b",), text),), "text": ("b",)}
    with pytest.raises(ValueError, match=message):
        Domain(**declared | changes)


@pytest.mark.parametrize("wrong", [{"group": ()}, {"order": ()}, {"max_tokens": 0}])
def test_a_rule_that_joins_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="join"):
        Join(**{"group": ("a",), "order": ("b",)} | wrong)
