"""Joined and divided spellings of one word find each other, and count once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.store.search.query.concepts import (
    AskedWords,
    Concept,
    Way,
    asked,
    limited_weights,
    needed_with_others,
    possible,
    score_sql,
    within,
)
from pc_worker.store.search.query.query_words import asked_words, known_terms, query_terms
from pc_worker.store.search.terms import row_terms


def counts_of(text: str) -> dict[int, float]:
    terms = row_terms("d", text, {})
    return dict(zip(terms.ids, terms.counts, strict=True))


def score(words: AskedWords, counts: Mapping[int, float]) -> float:
    """Return the sum that the search makes, with a count as the score of a term."""
    kept = possible(words, counts.keys())
    sql = score_sql(kept.terms, kept.concepts, lambda term: f"c[{term}]")
    found = {term: counts.get(term, 0.0) for term in words.ids}
    return float(eval(sql, {"c": found, "greatest": max, "least": min}))


def found(query: str, text: str) -> float:
    return score(asked_words("d", query), counts_of(text))


#: Each spelling finds all others.
SPELLINGS = [
    ("email", "e-mail", "E-Mail", "e‐mail", "e‑mail", "e\u2013mail"),
    ("e-mail", "e mail"),
    ("wifi", "wi-fi", "Wi-Fi", "WiFi", "wi_fi"),
    ("wi-fi", "wi fi"),
    ("COVID-19", "covid19", "Covid 19", "covid–19", "covid_19"),
    ("createRequest", "create_request", "create-request", "create request", "CreateRequest", "CREATE_REQUEST"),
    ("createRequest", "createrequest", "create.request"),
    ("getUserId", "get_user_id", "getuserid"),
    ("HTMLParser", "HTML parser", "html-parser", "html_parser"),
    ("10km", "10 km", "10-km"),
    ("AB-1234", "AB1234", "ab 1234", "AB_1234", "AB.1234"),
    ("Node.js", "nodejs", "NodeJS", "node js", "node-js"),
    ("U.S.A.", "USA", "u.s.a"),
    ("PostgreSQL", "postgresql", "Postgre SQL"),
    ("1,000,000", "1000000", "1.000.000", "1\u202f000\u202f000", "1'000'000", "1’000’000", "1_000_000"),
    ("1,000", "1000", "1 000"),
    ("2024-05-01", "20240501"),
    ("O'Brien", "OBrien", "obrien", "O’Brien"),
    ("don't", "dont", "donʼt"),
    ("п'ять", "пять"),
    ("MacBookPro", "macbook pro", "MacBook Pro", "mac book pro"),
    ("בית", "הבית", "והבית", "בבית", "שבבית"),
    ("סִפְרִיָּה", "הספריה", "לספריה"),
    ("data-base", "database", "data base"),
    ("mother-in-law", "motherinlaw"),
    ("café-bar", "CaféBar", "cafébar", "café bar"),
    ("co-operate", "cooperate", "co\u00adoperate"),
    ("e‑Mail", "ｅ－ｍａｉｌ", "EMAIL"),
    ("UDP/IP", "udpip", "UDP-IP", "UDP IP", "ＵＤＰ／ＩＰ"),
    ("I/O", "io", "i-o"),
    ("M&A", "ma", "m&a"),
    ("mi/h", "mih"),
    ("ж/д", "жд"),
    ("25 000", "25000", "25,000", "25'000", "25\u00a0000"),
    ("02-2345-6789", "0223456789", "02 2345 6789", "(02) 2345-6789", "02.2345.6789"),
    ("867-5309", "8675309", "867 5309"),
    ("2031-07-04", "20310704", "2031/07/04"),
    ("3rd", "third"),
    ("D'Angelo", "dangelo", "D’Angelo"),
    ("O'Neill", "ONeill", "O Neill"),
    ("utf8Decode", "utf 8 decode"),
    ("佐々木", "佐佐木"),
    ("いすゞ", "イスズ", "いすず"),
    ("三ヶ月", "三か月", "三カ月", "三ヵ月"),
    ("髙島屋", "高島屋"),
    ("宮﨑", "宮崎"),
    ("渡邉", "渡辺", "渡邊"),
    ("น้ำ", "น\u0e4d\u0e49\u0e32", "น\u0e49\u0e4d\u0e32"),
    ("แม่", "\u0e40\u0e40ม่"),
    ("Widget™", "widget"),
    ("1½", "1 1/2"),
    ("المدرسة", "والمدرسة", "مدرسة", "للمدرسة"),
    ("السكان", "سكان", "والسكان"),
]
PAIRS = [pair for group in SPELLINGS for pair in permutations(group, 2)]


@pytest.mark.parametrize("group", SPELLINGS, ids=lambda group: group[0])
def test_each_spelling_finds_the_others(group: tuple[str, ...]) -> None:
    missing = []
    for query, text in permutations(group, 2):
        only_by_blanks = " " in text and (query.isdecimal() or (query.islower() and query.isalpha()))
        if not found(query, f"the {text} of") and not only_by_blanks:
            missing.append((query, text))

    assert missing == []


@pytest.mark.parametrize(
    ("query", "text"),
    [("wifi", "a wi-fi-router"), ("user id", "get_user_id()"), ("request", "createRequest"), ("covid", "COVID19 cases"),
     ("java.util.List", "import java.util.List;"), ("list", "java.util.List"), (".NET", "the .NET runtime"),
     ("users", "the user's name"), ("user's", "all users"), ("mail", "send e-mail"), ("phone", "my iPhone")],
)  # fmt: skip
def test_a_part_is_found_in_the_whole(query: str, text: str) -> None:
    assert found(query, text) > 0


@pytest.mark.parametrize(
    ("query", "text"),
    [("12-15", "1215"), ("3.14", "314"), ("covid19", "19 cases"), ("10km", "10 of them"), ("createRequest", "create"),
     ("24/7", "247"), ("1/2", "12"), ("source/main", "sourcemain"), ("OpenStreetMap", "an open street"),
     ("first", "1"), ("1", "1st"), ("3.1415926", "31415926"),
     ("c", "c++"), ("c++", "c#"), ("java", "jav a"), ("בן", "הבן"), ("כתב", "שתל")],
)  # fmt: skip
def test_other_words_are_not_found(query: str, text: str) -> None:
    assert found(query, text) == 0


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("email", "email", "e-mail"),
        ("e-mail", "e-mail", "mail"),
        ("java", "java", "JavaScript"),
        ("JavaScript", "JavaScript", "script"),
        ("covid", "covid", "covid19"),
        ("בית", "בית", "הבית"),
        ("covid19", "covid-19", "covid 20"),
        ("wi fi", "wi fi", "fi"),
        ("3rd", "3rd", "third"),
        ("third", "third", "3rd"),
        ("UDP/IP", "UDP/IP", "udpip"),
        ("udpip", "udpip", "UDP/IP"),
        ("12000", "12000", "12 000"),
        ("parseXMLDocument", "parseXMLDocument", "an XML document"),
        ("parseXMLDocument", "an XML document", "an XML file"),
    ],
)
def test_the_nearer_spelling_is_better(query: str, better: str, worse: str) -> None:
    assert weighed(query, better) > weighed(query, worse)


def weighed(query: str, text: str) -> float:
    """Return what ``found`` does, with the weight of another spelling."""
    words = asked_words("d", query)
    weights = limited_weights(words, dict.fromkeys(words.ids, 1.0))
    return score(words, {term: count * weights.get(term, 1.0) for term, count in counts_of(text).items()})


def test_a_telephone_number_with_blanks_finds_one_without() -> None:
    assert found("+44 20 7946 0958", "call +442079460958") > 0
    assert found("(020) 7946-0958", "02079460958") > 0


def test_a_row_with_several_spellings_counts_by_the_best_one() -> None:
    assert found("e-mail", "e-mail") == 2
    assert found("e-mail", "e-mail") == found("e mail", "e-mail") == found("e mail", "e mail")
    assert found("email", "e-mail") == pytest.approx(0.9)
    assert found("wi-fi router", "wi-fi router") == 3


def test_no_words_have_no_score() -> None:
    assert found("- '", "some text") == 0


def test_what_the_query_asks_for_anyway_is_no_other_spelling() -> None:
    words = asked_words("d", "email e-mail")

    assert not {term for concept in words.concepts for way in concept.ways for term in way.terms} & set(words.terms)
    assert found("email e-mail", "email") == 1


def test_a_compound_counts_as_the_words_that_it_has() -> None:
    assert row_terms("d", "an e-mail -- to C++ users.", {}).length == 6


LETTERS = st.text(alphabet="abcXYZ12é'", min_size=1, max_size=5)
COMPOUNDS = st.lists(LETTERS, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from("-_. ").map(lambda joiner: joiner.join(parts))
)


@given(COMPOUNDS)
def test_the_terms_of_a_query_are_among_those_of_the_same_text(text: str) -> None:
    assert set(query_terms("d", text)) <= counts_of(text).keys()
    assert known_terms("d", text) <= counts_of(text).keys()


@given(COMPOUNDS, COMPOUNDS)
def test_a_row_counts_at_least_by_its_plain_terms(query: str, text: str) -> None:
    counts = counts_of(text)

    assert found(query, text) >= sum(counts.get(term, 0) for term in query_terms("d", query)) - 1e-9


def test_concepts_that_share_a_term_count_it_once() -> None:
    words = asked([1, 2, 3], [Concept((1, 2), (Way((12,)),)), Concept((2, 3), (Way((23,)),))])

    assert score(words, {1: 1, 2: 1, 3: 1}) == 3
    assert score(words, {12: 5, 3: 1}) == 6
    assert score(words, {12: 5, 23: 7}) == 12


def test_of_a_way_that_needs_all_its_terms_the_weakest_decides() -> None:
    words = asked([1], [Concept((1,), (Way((2, 3), together=True),))])

    assert [score(words, counts) for counts in ({2: 5}, {2: 5, 3: 1}, {1: 4, 2: 1, 3: 1})] == [0, 1, 4]


def test_rows_are_looked_up_by_the_rarest_of_terms_that_count_together() -> None:
    concepts = asked_words("d", "covid19").concepts
    (way,) = concepts[0].ways
    covid, number = query_terms("d", "covid")[0], query_terms("d", "19")[0]

    assert set(way.terms) == {covid, number}
    assert needed_with_others(concepts, [covid, number]) == {number}
    assert needed_with_others(concepts, [number, covid]) == {covid}
    assert needed_with_others([*concepts, Concept((1,), (Way((number,)),))], [covid, number]) == set()


def test_guesses_are_kept_if_rows_have_their_terms() -> None:
    words = asked([1, 2], [Concept((1, 2), (Way((12,), certain=False),)), Concept((1,), (Way((9,)),))])

    assert possible(words, {1, 12}).ids == [1, 2, 9, 12]
    assert possible(words, {1}).ids == [1, 2, 9]
    assert possible(words, {1}, current=True).ids == [1, 2]
    assert possible(words, {1, 9}, current=True).ids == [1, 2, 9]
    assert within(words.concepts, {1, 12}) == (Concept((1,), (Way((12,), certain=False),)),)
