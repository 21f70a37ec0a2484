"""Words of every script: what is one word, which spellings find each other, and which is the better match."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.store.search.query.query_words import query_terms
from pc_worker.store.search.terms import row_terms
from pc_worker.store.search.words.splitting import split_words


def counts_of(text: str) -> dict[int, float]:
    terms = row_terms("d", text, {})
    return dict(zip(terms.ids, terms.counts, strict=True))


def score(query: str, text: str) -> float:
    """Return how often a text has the terms of a query."""
    counts = counts_of(text)
    return sum(counts.get(term, 0) for term in query_terms("d", query))


def characters_by_script() -> dict[str, str]:
    """Return the letters and marks of every script, by the first word of their names."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in range(0x80, 0x20000):
        character = chr(code)
        name = unicodedata.name(character, "")
        if unicodedata.category(character)[0] in "LM" and name and not name.startswith("COMBINING"):
            found[name.split()[0].split("-")[0]].append(character)
    return {script: "".join(characters) for script, characters in found.items()}


SCRIPTS = characters_by_script()
ACCENTS = "".join(map(chr, range(0x300, 0x370)))


@given(st.data())
def test_a_word_of_any_script_finds_the_texts_that_have_it(data: st.DataObject) -> None:
    script = data.draw(st.sampled_from(sorted(SCRIPTS)))
    words = st.text(alphabet=st.sampled_from(SCRIPTS[script] + ACCENTS), min_size=1, max_size=8)
    text = data.draw(st.lists(words, min_size=1, max_size=6))
    separator = data.draw(st.sampled_from((" ", "\n", ", ", "; ", " (", "-")))
    word = data.draw(st.sampled_from(text))

    assert set(query_terms("d", word)) <= set(counts_of(separator.join(text)))


@given(st.sampled_from(sorted(SCRIPTS)), st.data())
def test_marks_do_not_split_a_word(script: str, data: st.DataObject) -> None:
    characters = SCRIPTS[script]
    letters = [c for c in characters if c.isalnum()]
    marks = [c for c in characters if unicodedata.category(c)[0] == "M"] + list(ACCENTS)
    pair = st.tuples(st.sampled_from(letters), st.sampled_from(marks)) if letters else st.nothing()
    if not letters:
        return
    word = "".join(letter + mark for letter, mark in data.draw(st.lists(pair, min_size=2, max_size=6)))

    words, runs = split_words(word)

    assert len(words) + len(runs) == 1 or unicodedata.normalize("NFKC", word) != word


@given(st.text(alphabet=st.characters(max_codepoint=126)))
def test_ascii_text_has_the_same_words_in_company(text: str) -> None:
    assert counts_of(text).items() <= counts_of(f"{text} | 가").items()


WORDS = {
    "Devanagari": "दिल्ली भारत की राजधानी है और विश्वविद्यालय पुस्तकालय",
    "Tamil": "தமிழ்நாடு சென்னை பல்கலைக்கழகம் நூலகம்",
    "Bengali": "বাংলাদেশের রাজধানী ঢাকা বিশ্ববিদ্যালয় গ্রন্থাগার",
    "Telugu": "హైదరాబాద్ విశ్వవిద్యాలయం గ్రంథాలయం",
    "Malayalam": "തിരുവനന്തപുരം സർവ്വകലാശാല ഗ്രന്ഥശാല",
    "Gurmukhi": "ਪੰਜਾਬੀ ਯੂਨੀਵਰਸਿਟੀ ਲਾਇਬ੍ਰੇਰੀ",
    "Sinhala": "ශ්‍රී ලංකාව විශ්වවිද්‍යාලය පුස්තකාලය",
    "Arabic, vocalised": "الكِتَابُ مَكْتَبَةُ الجَامِعَةِ مُحَمَّدٌ",
    "Hebrew, pointed": "שָׁלוֹם סִפְרִיָּה אוּנִיבֶרְסִיטָה",
    "Tibetan": "བོད་ཡིག དཔེ་མཛོད་ཁང་",
    "Georgian": "თბილისი უნივერსიტეტი ბიბლიოთეკა",
    "Armenian": "Երևան համալսարան գրադարան",
    "Ethiopic": "አዲስ አበባ ዩኒቨርሲቲ ቤተ መጻሕፍት",
    "Greek": "Αθήνα πανεπιστήμιο βιβλιοθήκη",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠤᠯᠤᠰ",
    "Vietnamese": "Hà Nội trường đại học thư viện",
    "Yoruba": "Ọ̀yọ́ ẹ̀kọ́ ilé-ẹ̀kọ́",
    "Lisu": "ꓡꓲ-ꓢꓴ ꓐꓱꓡ",
    "Vai": "ꕙꔤ ꕉꕜꕮ",
    "Thaana": "ދިވެހި ބަސް",
}


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_every_word_is_one_word_and_finds_its_text_only(text: str) -> None:
    for word in text.split():
        assert score(word, text) > 0
        assert all(score(word, other) == 0 for other in WORDS.values() if other != text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Ελλάδα", "η πρωτεύουσα της Ελλάδας"),
        ("βιβλιοθήκη", "ΟΙ ΒΙΒΛΙΟΘΗΚΕΣ ΤΗΣ ΠΟΛΗΣ"),
        ("ἄνθρωπος", "δικαιώματα των ανθρώπων"),
        ("библиотека", "вход в библиотеку"),
        ("مكتبة", "المكتبة العامة"),
        ("المدرسه", "مدرسة جديدة"),
        ("الكتاب", "قرأت كتابه"),
        ("पुस्तक", "पुस्तकों की सूची"),
    ],
)
def test_an_inflected_word_is_found(query: str, text: str) -> None:
    assert score(query, text) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cafe", "café"),
        ("naive", "naïve"),
        ("Muller", "Müller"),
        ("Mueller", "Müller"),
        ("Aase", "Åse"),
        ("Goethes", "Göthes"),
        ("strasse", "Straße"),
        ("Osterbro", "Østerbro"),
        ("Lodz", "Łódź"),
        ("encyclopaedia", "encyclopædia"),
        ("oeuvre", "œuvre"),
        ("Thingvellir", "Þingvellir"),
        ("Zurich", "ZÜRICH"),
        ("istanbul", "İstanbul"),
        ("ISPARTA", "Isparta"),
        ("isparta", "ısparta"),
        ("Dan", "Đan"),
        ("pho", "phở"),
        ("ano", "año"),
        ("facade", "façade"),
        ("Αθηνα", "Αθήνα"),
        ("ΟΔΟΣ", "οδός"),
        ("елка", "ёлка"),
        ("замок", "за\u0301мок"),
        ("محمد", "مُحَمَّد"),
        ("احمد", "أحمد"),
        ("مكتبه", "مكتبة"),
        ("کتاب", "كتاب"),
        ("שלום", "שָׁלוֹם"),
        ("हिंदी", "हिन्दी"),
        ("सड़क", "सडक"),
        ("चांद", "चाँद"),
        ("23", "२३"),
    ],
)
def test_spellings_find_each_other_and_the_exact_one_is_better(one: str, other: str) -> None:
    for query, exact, inexact in ((one, one, other), (other, other, one)):
        assert score(query, f"x {inexact} y") > 0
        assert score(query, f"x {exact} y") >= score(query, f"x {inexact} y")
    if one.lower() != other.lower():
        assert score(one, one) > score(one, other)
        assert score(other, other) > score(other, one)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param("らーめん", "ラーメンが好き", id="hiragana for katakana"),
        pytest.param("データベース", "データ・ベースとデータベース", id="a middle dot"),
        pytest.param("ﾃﾞｰﾀ", "データを読む", id="half-width kana with a voiced mark"),
        pytest.param("ＡＢＣ株式会社", "abc株式会社の本社", id="full-width letters"),
        pytest.param("國立臺灣大學", "国立台湾大学图书馆", id="traditional for simplified Chinese"),
        pytest.param("头发", "她的頭髮很長", id="simplified for traditional Chinese"),
        pytest.param("図書館", "國家圖書館", id="Japanese for traditional Chinese"),
        pytest.param("渡辺", "渡邊さん", id="old Japanese characters"),
        pytest.param("二〇二四年", "二〇二四年五月", id="the Chinese zero"),
        pytest.param("인공지능", "인공지능에서", id="Korean with a particle"),
        pytest.param("한글", unicodedata.normalize("NFD", "한글을 쓴다"), id="Korean in single letters"),
        pytest.param("ข้อมูล", "ระบบฐานข้อมูลขนาดใหญ่", id="Thai inside a sentence"),
        pytest.param("น้ำ", "แม่น้ำเจ้าพระยา", id="a Thai syllable with marks"),
        pytest.param("ປະເທດລາວ", "ສາທາລະນະລັດປະຊາທິປະໄຕປະຊາຊົນລາວແມ່ນປະເທດລາວ", id="Lao"),
        pytest.param("ភាសាខ្មែរ", "ខ្ញុំរៀនភាសាខ្មែរនៅភ្នំពេញ", id="Khmer"),
        pytest.param("ကျောင်း", "ရန်ကုန်မြို့ရှိကျောင်းသို့သွားသည်", id="Myanmar"),
        pytest.param("école", "l’école primaire", id="a French article"),
        pytest.param("İstanbul", "Istanbul'da ve İstanbul’un", id="a Turkish name with an ending"),
        pytest.param("ankara", "Ankara'nın", id="an ASCII name with an ending"),
        pytest.param("acqua", "bottiglia d'acqua dell'acqua", id="an Italian article"),
        pytest.param("п'ять", "п’ять кілограмів", id="a Ukrainian apostrophe"),
        pytest.param("צהל", 'חיילי צה״ל בצה"ל', id="a Hebrew abbreviation"),
        pytest.param("كتاب", "قرأت الكتاب", id="an Arabic article"),
        pytest.param("किताब", "किताबें और किताबों", id="Hindi forms"),
        pytest.param("வீடு", "வீடுகள்", id="Tamil forms"),
        pytest.param("می‌خواهم", "می\u200cخواهم بروم", id="a Persian joiner"),
        pytest.param("cooperation", "co\u00adoperation", id="a soft hyphen"),
        pytest.param("kim.lee@example.com", "write to Kim.Lee@EXAMPLE.com.", id="an address"),
        pytest.param("https://example.com/a?b=1", "see <https://example.com/a?b=1>", id="a URL"),
        pytest.param("snake_case", "snake_case()", id="an identifier"),
        pytest.param("010-1234-5678", "전화 010-1234-5678", id="a telephone number"),
        pytest.param("3.14", "π = 3.14", id="a number"),
        pytest.param("🎉", "we won 🎉🎉", id="an emoji"),
        pytest.param("👍", "👍🏽 good", id="an emoji with a skin tone"),
        pytest.param("❤", "I ❤️ it", id="an emoji with a variation selector"),
        pytest.param("🇰🇷", "made in 🇰🇷", id="a flag"),
        pytest.param("O'Brien", "O’Brien’s", id="a name with an apostrophe"),
    ],
)
def test_a_query_finds_its_words_in_other_company(query: str, text: str) -> None:
    terms = query_terms("d", query)

    assert terms
    assert set(terms) & set(counts_of(text))
    assert len(set(terms) & set(counts_of(text))) >= 0.5 * len(terms)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("दल", "दिल्ली"),
        ("カ", "ク"),
        ("မ", "ကျောင်း"),
        ("йод", "иод"),
        ("ї", "і"),
        ("が", "か"),
        ("🎉", "👍"),
        ("🇰🇷", "🇺🇸"),
        ("к", "й"),
    ],
)
def test_other_letters_are_other_words(query: str, text: str) -> None:
    assert score(query, text) == 0


def test_a_persian_word_is_not_cut_like_an_arabic_one() -> None:
    assert len(query_terms("d", "بالایی")) == len(query_terms("d", "کتابها")) == 2  # fold and spelling


def test_the_length_of_a_text_counts_each_word_once() -> None:
    assert row_terms("d", "the café of Müller", {}).length == 4


def test_no_word_is_lost_to_a_mark_at_its_beginning() -> None:
    assert score("\u0301abc", "abc") == 1


def test_a_letter_may_have_any_number_of_marks() -> None:
    assert split_words("a" + "\u0301" * 100_000 + "é" * 10)[0]
