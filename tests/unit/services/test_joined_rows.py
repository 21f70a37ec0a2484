"""Who and when of a joined passage: in documents of hits and citations, over gRPC, and in one line for a reader."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pc_worker.gateway.calls.search import _response
from pc_worker.http.shapes.chat import sources
from pc_worker.services.answers.evidence import AnswerPassage, Evidence
from pc_worker.services.answers.recorded import answer_of_document
from pc_worker.services.answers.request import Answer, Citation
from pc_worker.services.search.reply import JoinedRows, Passage, SearchHit, SearchResult

JOINED = JoinedRows(group={"meeting": "주간"}, speakers=("Ann", "민지"), begins=61.5, ends=3600, rows=("r1", "r2"))
WHO_AND_WHEN = {
    "group": {"meeting": "주간"},
    "speakers": ["Ann", "민지"],
    "from": 61.5,
    "to": 3600,
    "rows": ["r1", "r2"],
}


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "주간 · Ann, 민지 · 0:01:01 – 1:00:00"),
        ({"ends": 61.5}, "주간 · Ann, 민지 · 0:01:01"),
        ({"speakers": (), "begins": None, "ends": None}, "주간"),
        ({"begins": "2026-03-02T10:00:00+00:00", "ends": None}, "주간 · Ann, 민지 · 2026-03-02T10:00:00+00:00"),
    ],
)
def test_the_label_says_what_is_known(changes: dict[str, Any], label: str) -> None:
    assert replace(JOINED, **changes).label == label


def test_a_hit_has_who_and_when_in_its_passage_also_over_grpc() -> None:
    cases: list[tuple[JoinedRows | None, dict[str, Any]]] = [(JOINED, WHO_AND_WHEN), (None, {})]
    for joined, extra in cases:
        passage = Passage(text="t", start=0, end=1, joined=joined)
        hit = SearchHit(id="r1", score=1.0, vector_score=None, text_score=1.0, payload={}, passage=passage)
        document = SearchResult(query="q", domain="d", mode="text", took_ms=1.0, hits=(hit,)).to_dict()

        assert document["hits"][0]["passage"] == {"text": "t", "start": 0, "end": 1} | extra
        [sent] = _response(document).hits
        assert json.loads(sent.passage.joined_json or "{}") == extra


def test_a_citation_keeps_who_and_when_through_the_record() -> None:
    passage = AnswerPassage(
        row_id="r1", domain="d", text="Ann: t", start=0, end=6, payload={}, joined=JOINED, label=JOINED.label
    )
    evidence = Evidence()
    [numbered] = evidence.add([passage])
    citation = numbered.citation()
    answer = Answer(id="a", question="q", domain="d", answer="t [1]", citations=(citation,), prompt="p")

    assert citation.row_ids == {"r1", "r2"}
    assert answer.to_dict()["citations"][0]["passage"] == {"text": "Ann: t", "start": 0, "end": 6} | WHO_AND_WHEN
    assert answer_of_document(answer.to_dict()).citations == (citation,)
    assert f"({JOINED.label})" in evidence.shown([numbered])
    assert "[1] r1 (주간 · Ann, 민지 · 0:01:01 – 1:00:00): Ann: t" in sources([citation])


def test_a_citation_of_one_row_is_as_before() -> None:
    citation = Citation(number=1, id="r", domain="d", text="t", start=3, end=4, payload={})

    assert citation.to_dict()["passage"] == {"text": "t", "start": 3, "end": 4}
    assert citation.row_ids == {"r"}
    assert "[1] r (3–4): t" in sources([citation])
