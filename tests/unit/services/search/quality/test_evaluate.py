"""Measures of rankings, and the files of judgements."""

from __future__ import annotations

import doctest
from math import log2
from pathlib import Path

import pytest

from pc_worker.errors import SourceRejected
from pc_worker.services.search.quality import evaluate
from pc_worker.services.search.quality.evaluate import ndcg, recall, reciprocal_rank
from pc_worker.services.search.quality.judgements import JudgedQuery, read_judgements

GRADES = {"a": 2.0, "b": 1.0}


def test_the_examples_hold() -> None:
    assert doctest.testmod(evaluate).failed == 0


def test_a_perfect_ranking_is_one() -> None:
    assert ndcg(["a", "b", "x"], GRADES, depth=10) == pytest.approx(1.0)
    assert recall(["b", "a"], GRADES, depth=10) == 1.0
    assert reciprocal_rank(["b", "a"], GRADES) == 1.0


def test_order_and_grades_count() -> None:
    assert ndcg(["b", "a"], GRADES, depth=10) == pytest.approx((1 + 2 / log2(3)) / (2 + 1 / log2(3)))


def test_only_the_depth_counts() -> None:
    ranking = ["x"] * 10 + ["a"]

    assert ndcg(ranking, GRADES, depth=10) == 0.0
    assert recall(ranking, GRADES, depth=10) == 0.0
    assert recall(ranking, GRADES, depth=100) == 0.5
    assert reciprocal_rank(ranking, GRADES) == pytest.approx(1 / 11)


def test_json_lines_have_lists_or_grades(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text('{"query": "q1", "relevant": ["a", "b"]}\n\n{"query": "q2", "relevant": {"c": 2, "d": 0}}\n')

    assert read_judgements(path) == [JudgedQuery("q1", {"a": 1.0, "b": 1.0}), JudgedQuery("q2", {"c": 2.0})]


def test_trec_files_come_in_pairs(tmp_path: Path) -> None:
    path = tmp_path / "set.qrels"
    path.write_text("1 0 doc-a 2\n1 0 doc-b 0\n2 0 doc-c 1\n")
    path.with_suffix(".queries").write_text("1\tfirst query\n2\tsecond query\n3\tunjudged\n")

    assert read_judgements(path) == [
        JudgedQuery("first query", {"doc-a": 2.0}),
        JudgedQuery("second query", {"doc-c": 1.0}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"query": "q"}\n', "line 1", id="JSON without judgements"),
        pytest.param('{"query": "q", "relevant": ["a"]}\n{"query": 5, "relevant": []}', "line 2", id="no text"),
        pytest.param('{"query": "q", "relevant": ["a"]}\n{oops', "line 2", id="broken JSON"),
        pytest.param("1 0 doc\n", "line 1", id="TREC with too few words"),
        pytest.param("1 0 doc 1\n", "cannot be read: there is no such file", id="TREC without its queries"),
        pytest.param("", "cannot be read|no query", id="empty"),
    ],
)
def test_a_broken_file_is_rejected_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)

    with pytest.raises(SourceRejected, match=message):
        read_judgements(path)
