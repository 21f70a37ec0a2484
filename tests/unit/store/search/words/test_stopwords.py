"""Function words of queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.store.search.words.stopwords import SCRIPTS, UNSPACED, _lists, without_function_words


@pytest.mark.parametrize(
    ("query", "left"),
    [
        pytest.param("What is the boiling point of water?", "boiling point water?", id="English"),
        pytest.param("how do I use it, and why", "use", id="English with punctuation"),
        pytest.param("Wie funktioniert die Kündigung und was ist zu tun", "funktioniert Kündigung tun", id="German"),
        pytest.param("qu'est ce que la loi de finances pour les communes", "qu'est loi finances communes", id="French"),
        pytest.param("¿qué es la inflación y cómo se mide?", "inflación mide?", id="Spanish"),
        pytest.param("что такое инфляция и как она растёт", "такое инфляция растёт", id="Russian"),
        pytest.param("що це таке і де воно є", "таке", id="Ukrainian"),
        pytest.param("भारत की राजधानी क्या है", "भारत राजधानी", id="Hindi"),
        pytest.param("ما هي عاصمة العراق؟", "عاصمة العراق؟", id="Arabic"),
        pytest.param("پایتخت ایران کدام است و چرا", "پایتخت ایران", id="Persian"),
        pytest.param("מה היא בירת צרפת", "בירת צרפת", id="Hebrew"),
        pytest.param("서울 및 부산에 대한 날씨", "서울 부산에 날씨", id="Korean"),
        pytest.param("機械学習について", "機械学習", id="Japanese"),
        pytest.param("什么是机器学习", "是机器学习", id="Chinese"),
        pytest.param("GPT 그리고 the transformer", "GPT transformer", id="two scripts"),
    ],
)
def test_function_words_are_left_out(query: str, left: str) -> None:
    assert without_function_words(query).split() == left.split()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("die hard", id="a German article in English"),
        pytest.param("war crimes", id="a German verb"),
        pytest.param("sin city", id="a Spanish preposition"),
        pytest.param("IT manager", id="a name in capitals"),
        pytest.param("US export rules", id="a country"),
        pytest.param("c++ c# .net", id="signs of names"),
        pytest.param("to be or not to be", id="nothing else"),
        pytest.param("the who", id="only function words"),
        pytest.param("그리고", id="a Korean conjunction alone"),
        pytest.param("WHO DOES WHAT", id="all in capitals and nothing else"),
        pytest.param("state-of-the-art", id="inside a compound"),
        pytest.param("zzzzqqqq", id="no word at all"),
        pytest.param("", id="empty"),
        pytest.param("?!", id="only signs"),
    ],
)
def test_other_words_stay(query: str) -> None:
    assert without_function_words(query) == query


def test_every_language_has_a_list_and_a_script() -> None:
    assert set(_lists()) == {language for languages in SCRIPTS for language in languages} | set(UNSPACED)
    assert all(len(words) >= 20 for words in _lists().values())


@given(st.text(max_size=60))
def test_a_query_keeps_words_if_it_had_any(query: str) -> None:
    left = without_function_words(query)

    assert any(map(str.isalnum, left)) or left == query
    assert len(left.split()) <= len(query.split()) + left.count(" ")
