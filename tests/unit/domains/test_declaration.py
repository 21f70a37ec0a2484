"""Declaring a domain, finding it, and adding one in a single file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pc_worker.domains import (
    AnyTable,
    Domain,
    Field,
    Options,
    Record,
    SourceVector,
    clean,
    domain_names,
    get_domain,
    resolve,
    row_keys,
)
from pc_worker.domains.cleaning.rules import text, texts, timestamp
from pc_worker.errors import UnknownDomain
from pc_worker.reader import Json
from tests.unit.domains.tables import ABatch, clean_rows, columns_of

_NEWS = Domain(
    name="news",
    key=("url",),
    key_field="url",
    fields=(
        Field("title", ("Title", "Headline"), text, when_null="dead"),
        Field("body", ("Body",), text),
        Field("tags", ("Tags",), texts),
        Field("published_at", ("Date",), timestamp),
    ),
    text=("title", "body", "tags"),
    search=("title", "body"),
)


def test_the_registry_finds_the_five_domains() -> None:
    assert domain_names() == ["candidate", "document", "recruit", "skill_dic", "transcript"]
    assert [get_domain(name).name for name in domain_names()] == domain_names()


@pytest.mark.parametrize("name", ["", "Recruit", "nope"])
def test_an_unknown_domain_names_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownDomain, match="candidate, document, recruit, skill_dic, transcript"):
        get_domain(name)


def test_stock_domains_have_their_own_arm_and_1536_dimensions() -> None:
    for name in ("recruit", "candidate", "skill_dic"):
        domain = get_domain(name)
        assert domain.row_type == name
        assert domain.vector is not None
        assert domain.vector.dimension == 1536


def test_a_new_domain_with_fields_is_embedded_here() -> None:
    row = {"url": "u", "Headline": "Rain", "Body": "It rained.", "Tags": ["weather", "sea"], "Date": "2026-01-02"}

    [record] = clean_rows(_NEWS, row)

    assert _NEWS.embedded_here
    assert isinstance(record, Record)
    assert record.text == "Rain\n\nIt rained.\n\nweather sea"
    assert record.search_text == "Rain\nIt rained."
    assert record.payload == {
        "url": "u",
        "title": "Rain",
        "body": "It rained.",
        "tags": ["weather", "sea"],
        "published_at": "2026-01-02T00:00:00+00:00",
    }


_ROW = {"url": "u", "Title": "Rain", "Body": "It rained.", "Tags": ["sea"], "Date": "2026-01-02"}
_PLACE = Field("place", ("Place", "City"), text, default="unknown", optional=True)
_LATER = replace(_NEWS, fields=(_PLACE, *_NEWS.fields))


def _payload(domain: Domain, row: Mapping[str, object]) -> dict[str, Json]:
    [record] = clean_rows(domain, row)
    assert isinstance(record, Record)
    return dict(record.payload)


def test_a_source_may_lack_the_column_of_an_optional_field() -> None:
    before = _payload(_NEWS, _ROW)

    assert _payload(_LATER, _ROW) == {**before, "place": "unknown"}
    assert _payload(_LATER, {**_ROW, "City": "Seoul"}) == {**before, "place": "Seoul"}


@pytest.mark.parametrize(("split_by", "cleaned_by"), [(_NEWS, _LATER), (_LATER, _NEWS)])
def test_a_job_that_was_split_before_a_field_came_or_went_continues(split_by: Domain, cleaned_by: Domain) -> None:
    batch = ABatch([{**_ROW, "Place": "Busan"}])
    mapping = resolve(split_by, Options(), columns_of(batch), batch, "rows.pkl")

    [record] = clean(cleaned_by, mapping, batch, keys=row_keys(cleaned_by, mapping, batch), superseded=())

    assert isinstance(record, Record)
    assert record.payload.get("place") == ("unknown" if cleaned_by is _LATER else None)
    assert record.payload["title"] == "Rain"


_FIELD = Field("a", ("a",), text)


@pytest.mark.parametrize(
    "declaration",
    [
        pytest.param({"fields": (_FIELD,)}, id="no origin of vectors"),
        pytest.param({"fields": (_FIELD,), "text": ("a",), "vector": SourceVector("v", ("v",), 3)}, id="two origins"),
        pytest.param({"fields": (_FIELD,), "text": ("b",)}, id="text of no field"),
        pytest.param({"fields": (_FIELD,), "text": ("a",), "search": ("b",)}, id="search of no field"),
        pytest.param({"fields": (_FIELD,), "any_table": AnyTable(("text",))}, id="fields of any table"),
        pytest.param({"text": ("k",), "key_field": "k"}, id="no fields"),
        pytest.param({"fields": (_PLACE,), "text": ("place",), "key_fields": ("place",)}, id="an optional key field"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declaration: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="domain x"):
        Domain(name="x", key=("k",), **declaration)  # type: ignore[arg-type] # wrong on purpose
