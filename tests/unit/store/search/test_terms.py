"""Terms of texts and payloads."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pc_worker.store.search.query.former_words import former_query_words
from pc_worker.store.search.query.query_words import asked_words, query_terms
from pc_worker.store.search.terms import row_terms, rows_terms
from pc_worker.store.search.words import word_counts
from pc_worker.store.search.words.splitting import (
    ASCII_COMPOUND,
    ELISION,
    RULES,
    compounds_of,
    run_grams,
    run_query_grams,
    short_pair,
    split_words,
    token_forms,
    word_forms,
)
from pc_worker.store.search.words.stemming import stem
from pc_worker.store.search.words.term_hash import DIMENSION, term_hash
from pc_worker.store.search.words.word_counts import MAX_WORDS, word_id


def words_of(text: str) -> set[int]:
    return {term for term in row_terms("d", text, {}).ids if term > 0}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param("프로젝트", "프로젝트를 시작했다", id="Korean with an ending"),
        pytest.param("를", "프로젝트를", id="one syllable inside a word"),
        pytest.param("图书馆", "北京大学图书馆", id="Chinese"),
        pytest.param("カタカナ", "ｶﾀｶﾅで書く", id="half-width katakana"),
        pytest.param("running", "he runs", id="English forms"),
        pytest.param("программисты", "программиста", id="Russian forms"),
        pytest.param("STRASSE", "straße", id="case beyond ASCII"),
        pytest.param("ﬁle", "files", id="ligatures"),
        pytest.param("c++", "C++, C#", id="signs that belong to a name"),
        pytest.param("path join", "os.path.join(a_b)", id="parts of a dotted name"),
        pytest.param("DON’T", "don't", id="apostrophes"),
        pytest.param("GPT", "GPT를 쓴다", id="Latin before Hangul"),
    ],
)
def test_a_query_finds_other_spellings_of_its_words(query: str, text: str) -> None:
    terms = query_terms("d", query)

    assert terms
    assert set(terms) <= words_of(text)


@example("c'11")
@given(st.text(alphabet="aBc12' -_.,+#", max_size=30))
def test_a_query_also_asks_for_the_words_of_the_rules_before(text: str) -> None:
    """Rules 2 had no compounds; rows by them are found without words of their own in a query."""
    before = re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*(?:\+\+|#)?", text.lower())

    assert {term_hash("d", stem(ELISION.sub("", word))) for word in before} <= set(query_terms("d", text))


@pytest.mark.parametrize("text", ["佐々木いすゞ三ヶ月", "髙橋", "น\u0e4d\u0e49\u0e32", "السكان", "Widget™", "TCP/IP"])
def test_a_query_asks_for_what_rules_3_made_of_its_words(text: str) -> None:
    tokens, runs = split_words(text, former=True)
    made = {form for token in tokens for form, _ in word_forms(token.lower(), former=True)}
    made |= {gram for run in runs for gram in run_query_grams(run)}

    assert made <= set(former_query_words(text, 3))
    assert {word_id("d", word) for word in former_query_words(text, 3)} <= set(asked_words("d", text, oldest=3).terms)
    assert list(former_query_words(text, RULES)) == []


def test_names_that_differ_by_signs_differ() -> None:
    assert query_terms("d", "c") != query_terms("d", "c++") != query_terms("d", "c#")


@given(st.text())
def test_a_texts_own_words_as_a_query_are_among_its_terms(text: str) -> None:
    assert set(query_terms("d", text)) <= words_of(text)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_no_text_is_an_error(text: str) -> None:
    terms = row_terms("d", text, {"field": text})

    assert terms.ids == sorted(set(terms.ids))
    assert all(-DIMENSION <= term <= DIMENSION and term != 0 for term in terms.ids)
    assert 0.9 * terms.length <= sum(terms.counts) + 1e-6 <= 6 * terms.length + 2e-6


def test_domains_share_no_terms() -> None:
    assert not set(query_terms("a", "one two three")) & set(query_terms("b", "one two three"))


def test_counts_follow_the_words_and_length_adds_them() -> None:
    terms = row_terms("d", "tea tea coffee", {"kind": "drink"})

    (tea,), (coffee,) = query_terms("d", "tea"), query_terms("d", "coffee")
    assert dict(zip([term for term in terms.ids if term > 0], terms.counts, strict=True)) == {tea: 2, coffee: 1}
    assert terms.length == 3


def test_a_row_stores_at_most_the_words_of_a_sparsevec() -> None:
    terms = row_terms("d", " ".join(f"w{n}" for n in range(MAX_WORDS + 500)), {})

    assert len(terms.counts) == MAX_WORDS
    assert terms.length == MAX_WORDS + 500


def plain_terms(text: str) -> tuple[dict[int, float], int]:
    """Count the terms one by one, as the pass over many texts must count them too."""
    tokens, runs = split_words(text)
    grams = [gram for run in runs for gram in run_grams(run)]
    counts: dict[int, float] = {}
    length = len(grams)
    for token, times in Counter(tokens).items():
        forms, words = token_forms(token)
        length += words * times
        for form, weight in forms:
            counts[term_hash("d", form)] = counts.get(term_hash("d", form), 0) + weight * times
    for gram, times in Counter(grams).items():
        counts[term_hash("d", gram)] = counts.get(term_hash("d", gram), 0) + times
    return counts, length


#: Texts with words of one and of several forms, of scripts with and without blanks, and signs inside words.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                "café",
                "cafe",
                "Müller's",
                "l'été",
                "C++",
                "c#",
                "'quoted'",
                "e-mail",
                "a-b_c.",
                "readURL",
                "1,000",
                "--",
                "검색",
                "東京都",
                "x",
                "-",
            ]
        )
    ).map(" ".join),
    st.text(alphabet="abC1' +#é-_.,", max_size=30),
)


@given(st.lists(TEXTS, max_size=6))
def test_many_rows_at_once_have_the_terms_that_each_has_alone(texts: list[str]) -> None:
    for found, text in zip(rows_terms("d", [(text, {"n": 1}) for text in texts]), texts, strict=True):
        counts, length = plain_terms(text)
        ids = [term for term in found.ids if term > 0]
        assert ids == sorted(counts)
        assert found.counts == pytest.approx([counts[term] for term in ids])
        assert found.length == length


def test_texts_beyond_what_is_counted_at_once_and_a_vocabulary_that_starts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [f"één café {n} {n + 1} tea" for n in range(40)]
    expected = [row_terms("d", text, {}) for text in texts]
    monkeypatch.setattr(word_counts, "AT_ONCE", 7)
    monkeypatch.setattr(word_counts, "REMEMBERED", 3)

    assert rows_terms("d", [(text, {}) for text in texts]) == expected


@given(st.text(alphabet="aZ09' +#-_./&\n\x7f", max_size=40))
def test_compounds_of_ascii_text_are_those_of_the_pattern(text: str) -> None:
    tokens, runs = split_words(text)
    joined = short_pair().sub(r"\1_", text)

    assert [compound for token in tokens for compound in compounds_of(token)] == ASCII_COMPOUND.findall(joined)
    assert runs == []
