"""Domains at a glance, one row with its passages, subscriptions of some domains."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.services.domain_overview import domain_overview, domain_overviews
from pc_worker.services.forget import forget_ids
from pc_worker.services.models import change_model
from pc_worker.services.stored_rows import stored_row
from pc_worker.services.subscriptions import all_subscriptions, drop_subscription
from tests.model.line import DOMAIN, Line

SUBSCRIBE = """
INSERT INTO subscriptions (domain, name, position, epoch) SELECT domain, %s, 1, epoch FROM domains WHERE domain = %s
"""
FOREIGN = ("nothing", "", "\0", "\ud800", "document' OR true --")


def test_a_domain_shows_rows_head_model_index_and_consumers(line: Line) -> None:
    line.ingest([{"id": "a", "text": "one"}, {"id": "b", "text": "two"}])
    line.ingest([{"id": "a", "text": "three"}])
    line.query(SUBSCRIBE, "java", DOMAIN)

    found = domain_overview(line.services, DOMAIN, retention_s=0)

    assert (found.state, found.note, found.rows, found.head) == ("ok", None, 2, 3)
    assert found.model is not None
    assert (found.model.name, found.model.dimension, found.model.encodable) == ("tiny-4", 4, True)
    assert found.index is None
    assert [(one["name"], one["lag"]) for one in found.consumers] == [("java", 2)]


def test_the_index_of_the_active_model_is_shown(line: Line) -> None:
    line.query(
        "INSERT INTO vector_indexes (domain, model_id, index_name, method, half, rows, vectors, breadth) "
        "SELECT domain, model_id, 'i', 'hnsw', false, 5, 9, 40 FROM domains WHERE domain = 'document'"
    )

    index = domain_overview(line.services, DOMAIN, retention_s=0).index

    assert index is not None
    assert (index.method, index.rows, index.vectors, index.breadth, index.recall) == ("hnsw", 5, 9, 40, None)


def test_only_domains_of_the_given_names_are_listed(line: Line) -> None:
    every = [found.domain for found in domain_overviews(line.services, retention_s=0)]
    assert every == sorted({*every, "document", "recruit"})
    some = domain_overviews(line.services, {"recruit", "nothing"}, retention_s=0)
    assert [found.domain for found in some] == ["recruit"]
    assert domain_overviews(line.services, (), retention_s=0) == []


def test_a_domain_without_a_log_has_no_rows(line: Line) -> None:
    line.query("DELETE FROM domains WHERE domain = 'recruit'")
    found = domain_overview(line.services, "recruit", retention_s=0)
    assert (found.state, found.rows, found.head, found.model) == ("new", 0, 0, None)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_does_not_exist_is_not_found(line: Line, name: str) -> None:
    with pytest.raises(NotFound, match="there is no domain"):
        domain_overview(line.services, name, retention_s=0)
    with pytest.raises(NotFound, match="has no row"):
        stored_row(line.services, name, str(uuid4()))
    with pytest.raises(NotFound, match=r"subscription"):
        drop_subscription(line.services, name, "x")
    with pytest.raises(NotFound, match=r"subscription"):
        drop_subscription(line.services, DOMAIN, name)
    with pytest.raises(InvalidRequest, match="is not a UUID"):
        stored_row(line.services, DOMAIN, name)


def test_a_row_shows_its_payload_its_text_and_its_passages_of_the_active_model(line: Line) -> None:
    text = "한국어 텍스트 and 🚀 more"
    line.ingest([{"id": "a", "text": text, "size": 5}])
    row_id = str(line.row_id("a"))

    row = stored_row(line.services, DOMAIN, row_id.upper())

    assert (row.id, row.key, row.source, row.position, row.model) == (row_id, "a", "shelf", 1, "tiny-4@1")
    assert row.payload == {"id": "a", "text": text, "size": 5}
    assert row.text == text
    assert "".join(passage.text for passage in row.passages) == text
    assert [(p.start, p.end) for p in row.passages] == [(0, 8), (8, 16), (16, len(text))]

    wide = line.model("tiny-8")
    while change_model.backfill(line.services, DOMAIN, wide) is not None:
        pass
    change_model.switch(line.services, DOMAIN, wide)
    assert (stored_row(line.services, DOMAIN, row_id).model, len(row.passages)) == ("tiny-8@1", 3)

    forget_ids(line.database, DOMAIN, [UUID(row_id)])
    with pytest.raises(NotFound):
        stored_row(line.services, DOMAIN, row_id)


def test_a_row_whose_vector_came_with_its_source_has_no_passages(line: Line) -> None:
    line.ingest([{"skill": "s", "position_category": "c", "vector": [0.5] * 1536}], domain="skill_dic")
    ((row_id,),) = line.query("SELECT row_id FROM rows WHERE domain = 'skill_dic'")

    row = stored_row(line.services, "skill_dic", str(row_id))

    assert (row.text, row.passages, row.payload["position_category"]) == (None, (), "c")


def test_subscriptions_of_some_domains_are_listed_and_one_is_dropped(line: Line) -> None:
    for domain in (DOMAIN, "recruit"):
        line.query(SUBSCRIBE, "java", domain)

    assert [one["domain"] for one in all_subscriptions(line.services, retention_s=0)] == [DOMAIN, "recruit"]
    assert [one["domain"] for one in all_subscriptions(line.services, {"recruit"}, retention_s=0)] == ["recruit"]
    drop_subscription(line.services, DOMAIN, "java")
    assert [one["domain"] for one in all_subscriptions(line.services, retention_s=0)] == ["recruit"]
