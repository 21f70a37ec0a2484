"""The table of `search`: the passage with its marked words, what explains a score, and why hits are not reranked."""

from __future__ import annotations

import pytest

from pc_worker.cli.hits import SHOWN, show
from pc_worker.services.search.reply import Explanation, ListScore, Passage, Reranking, SearchHit, SearchResult

LONG = "filler " * 60 + "the walrus sings " + "filler " * 60


def shown(capsys: pytest.CaptureFixture[str], *hits: SearchHit, rerank: Reranking | None = None) -> tuple[str, str]:
    show(SearchResult(query="walruses", domain="document", mode="text", took_ms=1.0, hits=hits, rerank=rerank))
    said = capsys.readouterr()
    return said.out, said.err


def hit(text: str | None, explain: Explanation | None = None) -> SearchHit:
    passage = None if text is None else Passage(text=text, start=0, end=len(text))
    scores = {"score": 0.5, "vector_score": None, "text_score": 0.5}
    return SearchHit(id="a", **scores, payload={"name": "Walrus & co"}, passage=passage, explain=explain)  # type: ignore[arg-type]


def test_the_table_marks_the_words_of_the_query(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capsys, hit("a Walrus,\nand walruses\x1b[31m"))

    assert "a *Walrus*, and *walruses*\\x1b[31m" in out


def test_a_long_passage_is_cut_around_its_first_word(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capsys, hit(LONG))

    cell = out.splitlines()[1].split("a", 1)[1].strip()
    assert cell.startswith("…filler")
    assert "the *walrus* sings" in cell
    assert len(cell) <= SHOWN + len("……**")


def test_a_row_without_text_shows_its_payload(capsys: pytest.CaptureFixture[str]) -> None:
    assert "*Walrus* & co" in shown(capsys, hit(None))[0]


def test_explain_and_a_rerank_that_failed_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    place = ListScore(rank=3, score=1.25, fused=0.25)
    explained = Explanation(vector=None, text=place, fused=0.25, rerank=0.5)

    out, err = shown(capsys, hit("x", explained), rerank=Reranking(applied=False, model=None, reason="away"))

    assert "1. text: rank 3, score 1.2500, adds 0.2500; fused: 0.2500; rerank: 0.5000" in out
    assert err == "not reranked: away\n"
