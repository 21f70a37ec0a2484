"""Inflected Korean verbs: the form of a dictionary in a query finds them in rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.store.search.query.query_words import query_terms
from pc_worker.store.search.terms import row_terms
from scripts.morphology import grams, quality, read_judged

JUDGED = Path(__file__).parents[4] / "data" / "inflection"
DOMAIN = "document"


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("맑다", "맑았다 맑은 맑아서"),
        ("걷다", "걸었다 걸어요 걷는"),
        ("짓다", "지었다 지어서 짓는"),
        ("춥다", "추웠다 추운 춥고"),
        ("가다", "갔다 간 갈 갑니다"),
        ("쓰다", "썼다 써요 쓴"),
        ("배우다", "배웠다 배워요 배운"),
        ("지키다", "지켰다 지켜서 지킨"),
        ("모르다", "몰랐다 몰라요 모른"),
        ("흐르다", "흘렀다 흘러서"),
        ("살다", "산다 살았다"),
        ("빨갛다", "빨갰다 빨개요 빨간"),
        ("공부하다", "공부했다 공부해서 공부한"),
    ],
)
def test_the_form_of_a_dictionary_finds_inflected_forms(verb: str, forms: str) -> None:
    asked = set(query_terms(DOMAIN, verb, inflected=True))

    assert [form for form in forms.split() if not asked & set(row_terms(DOMAIN, form, {}).ids)] == []


@pytest.mark.parametrize("noun", ["바다", "캐나다", "다", "대학교", "さくら다", "갔습니다", "합니다", "걸었다"])
def test_other_words_ask_for_nothing_more(noun: str) -> None:
    assert len(query_terms(DOMAIN, noun, inflected=True)) == max(1, len(noun) - 1)


@pytest.mark.parametrize(("language", "least"), [("korean", 0.95), ("korean-held-out", 0.97), ("japanese", 0.97)])
def test_judged_notes_are_found_by_their_inflected_words(language: str, least: float) -> None:
    """Without the inflected forms it is 0.866 and 0.748 for Korean."""
    judged = read_judged(JUDGED / f"{language}.tsv")

    gain, first = quality(grams(), judged)

    assert gain > least
    assert first >= 0.93 * len(judged)
