"""Matching a domain with a source's columns, and the column mapping that results."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping

import pytest

from pc_worker.domains import ColumnMapping, Options, check_options, domain_names, get_domain, resolve
from pc_worker.errors import InvalidOption, SchemaMismatch
from tests.unit.domains.tables import ABatch, AColumn, candidate_row, columns_of, recruit_row, skill_row


def _mapping(domain: str, *rows: Mapping[str, object], options: Options | None = None) -> ColumnMapping:
    batch = ABatch(rows)
    return resolve(get_domain(domain), options or Options(), columns_of(batch), batch, "rows.pkl")


def test_a_stock_plan_reads_the_mapped_columns_only() -> None:
    mapping = _mapping("recruit", recruit_row(normalized_skills="dropped", db_id=3))

    assert mapping.columns == tuple(recruit_row())
    assert (mapping.key, mapping.key_columns, mapping.vector, mapping.scope) == ("id", ("id",), "skill_vector", "")


@pytest.mark.parametrize(
    ("domain", "row"), [("recruit", recruit_row()), ("candidate", candidate_row()), ("skill_dic", skill_row())]
)
def test_each_missing_mapped_column_is_a_mismatch_that_names_it(domain: str, row: dict[str, object]) -> None:
    for column in row:
        rest = {name: value for name, value in row.items() if name != column}
        with pytest.raises(SchemaMismatch, match=f'domain {domain} needs the column .*"{column}".* and the file has "'):
            _mapping(domain, rest)


def test_all_missing_columns_are_named_at_once_with_their_alternatives() -> None:
    with pytest.raises(SchemaMismatch) as mismatch:
        _mapping("skill_dic", {"category": "x", "b": 1})

    assert str(mismatch.value) == (
        'domain skill_dic needs the columns ("name" or "skill"), '
        '("skill_set_openai_vector" or "skill_vector" or "vector"), and the file has "category", "b"'
    )


def test_a_wide_table_is_listed_in_part() -> None:
    with pytest.raises(SchemaMismatch, match=r'"c19" and 280 more$'):
        _mapping("recruit", {f"c{n}": n for n in range(300)})


def test_an_empty_list_of_dicts_fits_every_domain() -> None:
    for name in domain_names():
        assert _mapping(name).columns == ()


def test_an_empty_frame_fits_document_without_any_text_column() -> None:
    mapping = resolve(get_domain("document"), Options(), [AColumn("id", "null")], ABatch([]), "empty.pkl")

    assert (mapping.key, mapping.text) == ("id", ())


def test_an_empty_frame_of_other_columns_does_not_fit_recruit() -> None:
    with pytest.raises(SchemaMismatch):
        resolve(get_domain("recruit"), Options(), [AColumn("a", "null")], ABatch([]), "empty.pkl")


@pytest.mark.parametrize("name", ["text", "content", "body", "document", "description", "docstring"])
def test_the_text_column_is_found_by_its_name_before_length(name: str) -> None:
    assert _mapping("document", {"longer": "a longer text by far", name: "x"}).text == (name,)


def test_names_are_tried_in_their_order() -> None:
    assert _mapping("document", {"body": "the longer one", "content": "c"}).text == ("content",)


def test_a_column_of_numbers_called_text_is_passed_over() -> None:
    assert _mapping("document", {"text": 3, "words": "hello"}).text == ("words",)


def test_a_column_called_text_without_a_single_value_is_still_the_text() -> None:
    assert _mapping("document", {"text": None, "url": "http://example.org"}).text == ("text",)


def test_without_a_known_name_the_longest_text_on_average_is_taken() -> None:
    rows = [{"title": "a somewhat long title", "story": "x"}, {"title": "t", "story": "y" * 100}]

    assert _mapping("document", *rows).text == ("story",)


def test_json_text_is_not_taken_for_the_longest_prose() -> None:
    assert _mapping("document", {"vector": "[" + "0.25," * 100 + "1]", "story": "Once."}).text == ("story",)


def test_the_key_column_is_not_taken_for_text() -> None:
    assert _mapping("document", {"id": "a-very-long-identifier", "t": "x"}).text == ("t",)


def test_a_table_without_text_is_a_mismatch_that_shows_the_kinds() -> None:
    with pytest.raises(SchemaMismatch, match=r'needs a column of text, and the file has "a" \(int\), "b" \(float\)'):
        _mapping("document", {"a": 1, "b": 2.0})


def test_options_name_id_text_and_source() -> None:
    options = Options(source="wiki", id_column="url", text_columns=("title", "body", "title"))

    mapping = _mapping("document", {"id": 1, "url": "u", "title": "t", "body": "b"}, options=options)

    assert (mapping.key, mapping.text, mapping.source, mapping.scope) == ("url", ("title", "body"), "wiki", "wiki")


@pytest.mark.parametrize("options", [Options(id_column="nope"), Options(text_columns=("text", "nope"))])
def test_an_option_that_names_no_column_is_a_mismatch(options: Options) -> None:
    with pytest.raises(SchemaMismatch, match='"nope"'):
        _mapping("document", {"text": "x"}, options=options)


def test_a_vector_column_cannot_be_the_text() -> None:
    batch = ABatch([{"text": "x", "v": [1.0, 2.0]}])

    with pytest.raises(SchemaMismatch, match='"v" holds vectors'):
        resolve(get_domain("document"), Options(text_columns=("v",)), columns_of(batch, v="vector"), batch, "f")


def test_vector_columns_are_not_read_unless_a_key_needs_them() -> None:
    batch = ABatch([{"id": 1, "text": "x", "v": [1.0, 2.0]}])
    keyed = resolve(get_domain("document"), Options(), columns_of(batch, v="vector"), batch, "f")
    keyless = resolve(
        get_domain("document"), Options(), columns_of(batch, v="vector")[1:], ABatch([{"text": "x", "v": [1.0]}]), "f"
    )

    assert (keyed.columns, keyed.key_columns, keyed.omitted) == (("id", "text"), ("id",), ("v",))
    assert (keyless.columns, keyless.key_columns, keyless.omitted) == (None, None, ("v",))


def test_the_source_is_the_file_name_unless_it_is_given() -> None:
    assert _mapping("document", {"text": "x"}).scope == "rows.pkl"
    assert _mapping("recruit", recruit_row()).scope == ""


@pytest.mark.parametrize("source", ["x" * 600, "가" * 200])
def test_a_source_may_have_600_bytes(source: str) -> None:
    assert _mapping("document", {"text": "x"}, options=Options(source=source)).scope == source

    with pytest.raises(InvalidOption, match=r"1 to 600 bytes in UTF-8, not 60[13]"):
        _mapping("document", {"text": "x"}, options=Options(source=source + source[0]))


def test_a_longer_name_of_an_object_needs_a_source() -> None:
    batch, name = ABatch([{"text": "x"}]), "가" * 201

    with pytest.raises(InvalidOption, match=r"name has 603 bytes in UTF-8, .* at most 600: name one with --source"):
        resolve(get_domain("document"), Options(), columns_of(batch), batch, name)
    named = resolve(get_domain("document"), Options(source="s"), columns_of(batch), batch, name)
    assert named.scope == "s"


@pytest.mark.parametrize("options", [Options(source="s"), Options(id_column="id"), Options(text_columns=("CV",))])
def test_domains_of_fixed_columns_refuse_options(options: Options) -> None:
    with pytest.raises(InvalidOption, match="recruit"):
        check_options(get_domain("recruit"), options)


@pytest.mark.parametrize("options", [Options(), Options("s", "i", ("a", "b"))])
def test_options_survive_json(options: Options) -> None:
    assert Options.from_dict(json.loads(json.dumps(options.to_dict()))) == options


def test_options_that_were_never_given_need_not_be_there() -> None:
    assert Options.from_dict({"text_columns": None}) == Options()


def test_plans_survive_json_and_pickle() -> None:
    for mapping in (
        _mapping("recruit", recruit_row()),
        _mapping("document", {"id": 1, "text": "x"}),
        _mapping("document"),
    ):
        assert ColumnMapping.from_dict(json.loads(json.dumps(mapping.to_dict()))) == mapping
        assert pickle.loads(pickle.dumps(mapping)) == mapping
