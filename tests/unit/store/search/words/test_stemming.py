"""Both forms of the stemmers make the same terms: an index may be written by one and asked by the other."""

from __future__ import annotations

import pytest

from pc_worker.store.search.words.stemming import STEMMERS, compiled, interpreted, stem

#: Words with endings, by language, and words that look like them.
WORDS = {
    "english": "relational running flies skies happily generously knitting don't o'clock's news sses ying ied proceed",
    "russian": "работающими красивейший книгами бежавшая ёж читавшимися нация весёлость в я",
    "arabic": "والكتاب المدرسون يكتبون كتابهم فالبيوت استخدام مكتبات",
    "hindi": "लड़कियाँ किताबों चलाना खाते बच्चों ने",
    "tamil": "வீடுகளில் மரங்கள் படித்தார்கள் பள்ளிக்கு",
    "armenian": "գրքերի տներում աշխատողները քաղաքից",
    "greek": "βιβλιοθηκεσ βιβλιου ανθρωπων εργαζομενοι μεγαλυτεροσ πρωτευουσασ ελλαδα θεσησ αυτο και ω",
}
ENDINGS = {"english": ["", "s", "ing", "edly", "'s", "ization", "y", "eed", "ement"]}


@pytest.mark.parametrize("language", sorted(STEMMERS))
def test_the_stemmers_in_c_and_in_python_agree(language: str) -> None:
    in_c, in_python = compiled(language)(), interpreted(language)()
    roots = WORDS[language].split()
    letters = {letter for word in roots for letter in word}
    words = [*roots, *letters, *(root[:n] for root in roots for n in range(1, len(root)))]
    words += [word + end for word in words for end in ENDINGS.get(language, [])]

    differing = [word for word in words if in_c.stemWord(word) != in_python.stemWord(word)]

    assert len(words) > 30
    assert differing == []


def test_a_word_of_another_script_is_its_own_stem() -> None:
    words = ("ქალაქები", "naïvely", "c++", "relational")

    assert [stem(word) for word in words] == ["ქალაქები", "naïvely", "c++", "relat"]
