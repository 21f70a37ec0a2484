"""Rows in other languages than English in Latin script: recognised, and found in other forms of their words."""

from __future__ import annotations

import pytest

from pc_worker.store.search.query.query_words import asked_words, known_terms, query_terms
from pc_worker.store.search.terms import row_terms, rows_terms
from pc_worker.store.search.words.languages import LANGUAGES, language_of, language_term
from pc_worker.store.search.words.stemming import compiled, interpreted
from pc_worker.store.search.words.stopwords import function_words

#: A text, and a word of a query that is another form of one of its words.
TEXTS = {
    "cs": ("Když jsem přišel domů, byla v kuchyni jen stará kniha a také dopisy od jeho bratra.", "dopisů"),
    "da": (
        "Jeg ved ikke, hvad der blev af bogen, men nogle af jer har læst den og givet mig den.",
        "bøgerne bogens læste",
    ),
    "de": ("Die Häuser in der Straße wurden nicht verkauft, sondern von der Stadt und dem Land gekauft.", "verkaufte"),
    "es": ("Los trabajadores de la fábrica no querían que el gobierno cerrara las minas por la noche.", "trabajadora"),
    "fi": ("Hän ei ole vielä nähnyt taloa, mutta se on ollut myynnissä ja hän aikoo ostaa sen.", "talossa"),
    "fr": ("Les ouvriers de la région ne sont pas venus, mais ils ont envoyé une lettre dans la semaine.", "envoyer"),
    "hu": ("A könyvek nem voltak a polcon, hanem az asztalon, és csak egy volt közülük nyitva.", "könyvet"),
    "id": ("Buku itu tidak ada di rumah, tetapi sudah dibawa oleh mereka ke sekolah untuk dipelajari.", "pelajari"),
    "it": (
        "Le biblioteche della città non sono aperte la domenica, ma gli studenti possono entrare.",
        "biblioteca",
    ),
    "nl": ("De boeken van de schrijver zijn niet meer te koop, maar ze liggen nog in het museum.", "boek"),
    "no": ("Det var ikke bare bøkene som ble solgt, men også bildene som hun hadde fått av moren.", "bildet"),
    "pl": ("Nie wiem, czy jego książki są jeszcze w domu, ale wszystkie listy zostały już oddane.", "listami"),
    "pt": (
        "Os trabalhadores não foram à fábrica, mas as reuniões com o governo continuaram até hoje.",
        "trabalhadora",
    ),
    "ro": (
        "Economia orașului nu a fost afectată de criză, dar mai multe fabrici au fost închise.",
        "orașele",
    ),
    "sv": ("Det var inte böckerna som såldes, utan bilderna som hon hade fått av sin mor och far.", "bilden"),
    "tr": ("Bu kitabın kapağı çok güzel ve daha önce hiç görmediğim kadar eski bir resim gibi.", "kitaplar"),
}
PLAIN = "The end of the war and the peace that came with it were celebrated in the streets from morning to night."


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_row_is_found_by_other_forms_of_its_words(language: str) -> None:
    text, word = TEXTS[language]
    row = set(row_terms("d", text, {}).ids)

    assert language_term("d", language) in row
    assert row & set(asked_words("d", word, languages=(language,)).ids)
    assert row & known_terms("d", word, (language,))
    assert set(query_terms("d", text)) <= row


@pytest.mark.parametrize(
    "text", [PLAIN, "", "trabajadora", "Die Hard 4", "la la la", "Đây là một quyển sách của tôi và bạn"]
)
def test_other_texts_have_no_language_of_their_own(text: str) -> None:
    row = row_terms("d", text, {})

    assert not {language_term("d", language) for language in LANGUAGES} & set(row.ids)


def test_the_language_is_no_word_and_does_not_change_other_rows() -> None:
    german, turkish = TEXTS["de"][0], TEXTS["tr"][0]
    rows = rows_terms("d", [(text, {}) for text in (german, PLAIN, turkish, german)])

    assert rows == [row_terms("d", text, {}) for text in (german, PLAIN, turkish, german)]
    assert [row.length for row in rows] == [len(text.split()) for text in (german, PLAIN, turkish, german)]


def test_function_words_that_are_spelt_alike_decide_nothing() -> None:
    assert language_of(["de", "la", "a"]) is None
    assert language_of(["the", "cat", "and", "the", "dog", "from", "that", "house"]) is None


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_stemmers_in_c_and_in_python_agree(language: str) -> None:
    in_c, in_python = compiled(LANGUAGES[language])(), interpreted(LANGUAGES[language])()
    words = sorted(function_words(language) | {word.strip(".,;") for word in TEXTS[language][0].lower().split()})

    assert [word for word in words if in_c.stemWord(word) != in_python.stemWord(word)] == []
