"""The three stock domains, row by row: what is written, skipped and dead."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pc_worker.domains import Dead, Record, Skipped
from tests.unit.domains.tables import (
    DIMENSION,
    RECRUIT_ID,
    RECRUIT_PAYLOAD,
    a_vector,
    candidate_row,
    clean_rows,
    recruit_row,
    skill_row,
)


def test_a_recruit_row_becomes_the_wire_fields_without_the_vector() -> None:
    [record] = clean_rows("recruit", recruit_row())

    assert isinstance(record, Record)
    assert record.payload == {"id": RECRUIT_ID, **RECRUIT_PAYLOAD}
    assert record.vector is not None
    assert record.vector.tolist() == a_vector().tolist()
    assert record.text is None
    assert record.search_text == "데이터 Engineer\nAcme\nPython\npython sql\nBuild pipelines."


def test_a_candidate_row_also_has_the_three_fields_that_the_wire_cannot_carry() -> None:
    [record] = clean_rows("candidate", candidate_row())

    assert isinstance(record, Record)
    assert record.payload == {
        "candidate_id": "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f22",
        "position_category": "Java",
        "experience_years": 2,
        "original_resume": "Ten years of Java.",
        "skills": ["java", "spring"],
        "resume_lang": "en",
        "moreinfo": "Remote only.",
        "looking_for": None,
    }


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(skill_row(), id="current names"),
        pytest.param({"skill": "python", "position_category": "Backend", "skill_vector": a_vector()}, id="wire names"),
        pytest.param({"skill": "python", "position_category": "Backend", "vector": a_vector()}, id="raw JSON's vector"),
    ],
)
def test_a_skill_row_is_read_under_each_of_its_names(row: dict[str, object]) -> None:
    [record] = clean_rows("skill_dic", row)

    assert isinstance(record, Record)
    assert record.key == "python"
    assert record.payload == {"skill": "python", "position_category": "Backend"}


@pytest.mark.parametrize(
    "form", [np.asarray, np.ndarray.tolist, lambda v: tuple(v.tolist()), lambda v: json.dumps(v.tolist())]
)
def test_a_vector_may_come_as_array_list_tuple_or_json_text(form: Callable[[Any], object]) -> None:
    [record] = clean_rows("recruit", recruit_row(skill_vector=form(a_vector(7))))

    assert isinstance(record, Record)
    assert record.vector is not None
    assert record.vector.tolist() == a_vector(7).tolist()


def test_the_second_name_of_a_vector_column_serves_as_well() -> None:
    row = recruit_row(skills_openai_vector=a_vector(3))
    del row["skill_vector"]

    [record] = clean_rows("recruit", row)

    assert isinstance(record, Record)
    assert record.vector is not None


@pytest.mark.parametrize("null", [None, float("nan"), np.float32("nan")], ids=repr)
@pytest.mark.parametrize(
    "column", ["Exp Years", "Primary Keyword", "English Level", "Published", "Long Description_lang"]
)
def test_a_null_stays_null_where_java_stores_null(column: str, null: object) -> None:
    [record] = clean_rows("recruit", recruit_row(), recruit_row(id="other", **{column: null}))[1:]

    assert isinstance(record, Record)
    assert list(record.payload.values()).count(None) == 1


@pytest.mark.parametrize(
    ("domain", "row", "field"),
    [
        ("recruit", recruit_row(Position=None), "position"),
        ("recruit", recruit_row(Company_Name=float("nan")), "company_name"),
        ("recruit", recruit_row(Long_Description=None), "long_description"),
        ("candidate", candidate_row(CV=None), "original_resume"),
        ("skill_dic", skill_row(category=None), "position_category"),
    ],
)
def test_a_null_that_java_would_refuse_makes_the_row_dead(domain: str, row: dict[str, object], field: str) -> None:
    assert clean_rows(domain, row) == [Dead(0, f"{field}: missing")]


def test_a_candidate_without_category_is_unknown() -> None:
    [record] = clean_rows("candidate", candidate_row(Primary_Keyword=None))

    assert isinstance(record, Record)
    assert record.payload["position_category"] == "Unknown"


def test_a_skill_of_a_blank_category_is_dead() -> None:
    assert clean_rows("skill_dic", skill_row(category=" ")) == [Dead(0, "position_category: blank")]


@pytest.mark.parametrize("make", [recruit_row, candidate_row])
@pytest.mark.parametrize("skills", [None, float("nan"), [], (), np.array([], dtype=object)], ids=repr)
def test_a_row_without_skills_is_skipped(make: Callable[..., dict[str, object]], skills: object) -> None:
    domain = "recruit" if make is recruit_row else "candidate"

    [outcome] = clean_rows(domain, make(skills=skills))

    assert isinstance(outcome, Skipped)
    assert outcome.reason.startswith("skills: ")


@pytest.mark.parametrize("null", [None, float("nan")], ids=repr)
def test_a_row_without_vector_is_skipped(null: object) -> None:
    assert clean_rows("recruit", recruit_row(skill_vector=null)) == [Skipped(0, "skills_vector: missing")]
    assert clean_rows("skill_dic", skill_row(skill_set_openai_vector=null)) == [Skipped(0, "skill_vector: missing")]


def test_a_row_that_a_rule_drops_is_skipped_whatever_else_is_wrong_with_it() -> None:
    assert isinstance(clean_rows("recruit", recruit_row(Exp_Years="5y later", skills=[]))[0], Skipped)
    assert isinstance(clean_rows("recruit", recruit_row(skill_vector=None, Position=None))[0], Skipped)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Exp_Years": "5y later"}, 'experience_years: "5y later" is no number of years'),
        ({"Exp_Years": 2.5}, "experience_years: 2.5 is no whole number of years"),
        ({"Exp_Years": True}, "experience_years: True is no number of years"),
        ({"Published": "soon"}, 'published_at: "soon" is no ISO 8601 date or time'),
        ({"skills": "python"}, 'skills: "python" is no list of texts'),
        ({"skills": ["a", None]}, "skills: a null inside the list"),
        ({"skill_vector": a_vector()[:384]}, f"skills_vector: 384 numbers instead of {DIMENSION}"),
        ({"skill_vector": [0.0] * DIMENSION}, "skills_vector: of zero norm"),
        ({"skill_vector": "oops"}, "skills_vector: text that is no JSON array"),
        ({"Position": "a\0b"}, "position: holds a NUL character"),
        ({"Long_Description": "\ud800"}, "long_description: holds a lone surrogate, which is no valid Unicode"),
        ({"id": "a\0b"}, "the key holds a NUL character"),
        ({"id": "k" * 3000}, "the key is longer than 2,000 bytes"),
        ({"id": None}, "the key is null"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_bad_value_makes_the_row_dead_with_one_clause_that_names_the_field(
    changes: dict[str, object], reason: str
) -> None:
    assert clean_rows("recruit", recruit_row(**changes)) == [Dead(0, reason)]


def test_one_bad_row_leaves_its_neighbours_alone() -> None:
    outcomes = clean_rows("candidate", candidate_row(), candidate_row(id="b", CV=None), candidate_row(id="c"))

    assert [type(outcome) for outcome in outcomes] == [Record, Dead, Record]
    assert [outcome.row_no for outcome in outcomes] == [0, 1, 2]
