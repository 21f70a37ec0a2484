"""Declaring a domain, finding it, and adding one in a single file."""

from __future__ import annotations

import pytest

from pc_worker.domains import AnyTable, Domain, Field, Record, SourceVector, domain_names, get_domain
from pc_worker.domains.cleaning.rules import text, texts, timestamp
from pc_worker.errors import UnknownDomain
from tests.unit.domains.tables import clean_rows

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
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declaration: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="domain x"):
        Domain(name="x", key=("k",), **declaration)  # type: ignore[arg-type] # wrong on purpose
