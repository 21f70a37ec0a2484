"""A row's JSON is what the stock server's reader and tables take, and nothing else is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.push import StockRow, UnfitValue, stock_domains, stock_row, stock_table
from pc_worker.push.rows import MESSAGE_BYTES
from tests.unit.push.stock_rows import PAYLOADS, ROW_ID

VECTOR = "[0.1,-2.5e-07,1]"


def row_of(domain: str, *, vector: str = VECTOR, **changes: Any) -> StockRow:
    payload = PAYLOADS[domain] | changes
    return stock_row(stock_table(domain), position=7, row_id=ROW_ID, payload=payload, vector=vector)


@pytest.mark.parametrize(
    ("domain", "vector"), [("recruit", "skills_vector"), ("candidate", "skills_vector"), ("skill_dic", "skill_vector")]
)
def test_every_field_arrives_under_its_name_with_its_value(domain: str, vector: str) -> None:
    sent = json.loads(row_of(domain).json)

    assert sent == PAYLOADS[domain] | {vector: [0.1, -2.5e-07, 1]}


def test_the_json_is_utf8_without_spaces_or_escapes_and_keeps_the_vectors_text() -> None:
    text = row_of("skill_dic", skill="데이터 🚀").json.decode()

    assert text == '{"skill":"데이터 🚀","position_category":"Backend","skill_vector":[0.1,-2.5e-07,1]}'


def test_the_id_is_the_rows_uuid_for_any_key_of_the_source() -> None:
    assert json.loads(row_of("recruit", id="1-1-1-1-1").json)["id"] == ROW_ID


def test_rows_are_upserted_by_uuid_or_by_the_skill() -> None:
    assert [row_of(domain).key for domain in stock_domains()] == [ROW_ID, ROW_ID, "c++"]


def test_fields_the_server_does_not_know_stay_behind() -> None:
    assert "note" not in json.loads(row_of("candidate", note="x").json)


def test_a_skill_that_is_named_twice_is_sent_once() -> None:
    row = row_of("recruit", skills=["a", "b", "a"])

    assert json.loads(row.json)["skills"] == ["a", "b"]
    assert row.skills == 2


def test_a_blank_time_is_null() -> None:
    assert json.loads(row_of("recruit", published_at=" ").json)["published_at"] is None


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        *[("recruit", name) for name in ("experience_years", "primary_keyword", "published_at", "description_lang")],
        *[("candidate", name) for name in ("experience_years", "resume_lang", "moreinfo", "looking_for")],
    ],
)
def test_what_the_server_stores_as_null_may_be_null(domain: str, name: str) -> None:
    changes: dict[str, Any] = {name: None}

    assert json.loads(row_of(domain, **changes).json)[name] is None


@pytest.mark.parametrize(
    ("domain", "name", "value"),
    [
        *[("recruit", name, None) for name in ("position", "company_name", "long_description", "skills")],
        *[("candidate", name, None) for name in ("position_category", "original_resume", "skills")],
        *[("skill_dic", name, None) for name in ("skill", "position_category")],
        pytest.param("skill_dic", "position_category", " \n", id="blank category is dropped in silence"),
        pytest.param("recruit", "experience_years", 0, id="recruit years must be positive"),
        pytest.param("candidate", "experience_years", -1, id="negative years"),
        pytest.param("candidate", "experience_years", 2**31, id="beyond int32"),
        pytest.param("candidate", "experience_years", 2.5, id="java would cut it"),
        pytest.param("candidate", "experience_years", True, id="boolean"),
        pytest.param("recruit", "published_at", "2021-07-01", id="no time"),
        pytest.param("recruit", "published_at", "2021-07-01T00:00:00", id="no offset"),
        pytest.param("recruit", "published_at", "2021-07-01 00:00:00Z", id="no T"),
        pytest.param("recruit", "published_at", "2021-02-30T00:00:00Z", id="no such day"),
        pytest.param("recruit", "skills", "python", id="text for a list"),
        pytest.param("recruit", "skills", ["python", None], id="null inside"),
        pytest.param("recruit", "position", 5, id="number for a text"),
    ],
)
def test_what_the_server_could_not_store_is_never_sent(domain: str, name: str, value: Any) -> None:
    with pytest.raises(UnfitValue, match=name):
        row_of(domain, **{name: value})


def test_every_fault_of_a_row_is_named() -> None:
    with pytest.raises(UnfitValue, match=r"position: .*; company_name: "):
        row_of("recruit", position=None, company_name=None)


def test_a_row_too_large_for_a_message_is_unfit() -> None:
    assert len(row_of("candidate", moreinfo="x" * (MESSAGE_BYTES - 500)).json) < MESSAGE_BYTES

    with pytest.raises(UnfitValue, match="4,000,000"):
        row_of("candidate", moreinfo="x" * MESSAGE_BYTES)


@pytest.mark.parametrize("domain", ["document", "Recruit", ""])
def test_only_the_three_stock_domains_are_pushed(domain: str) -> None:
    with pytest.raises(InvalidRequest, match="recruit, candidate, skill_dic"):
        stock_table(domain)
