"""Divide texts of every script into words, and scripts without blanks between words into n-grams.

A word with signs or changes of case inside it, such as `e-mail`, is one token of a text and has several forms: its
parts and its joined form (`compounds.py`). A part counts by its folded stem. A word that folding changes, such as
`café`, also counts a little by its own spelling and less by its fold: both spellings find each other, the exact first.

The stemmer depends on the script, not on a guess of the language, so that a query and a row always agree: English for
Latin letters, Russian for Cyrillic ones, and so on; none for most scripts. The words of a row in another language in
Latin script also have their stems in that language (`languages.py`).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from pc_worker.store.search.words.compounds import (
    GROUP_SEPARATOR,
    JOINERS,
    compound_parts,
    inner_words,
    joined_forms,
    without_apostrophe,
)
from pc_worker.store.search.words.folding import APOSTROPHES, HEBREW_QUOTES, IGNORED, fold_characters, fold_word
from pc_worker.store.search.words.languages import LANGUAGES
from pc_worker.store.search.words.stemming import stem, stem_in

#: The number of these rules and those of folding and facets, stored with the terms of each row. A change that makes
#: other terms needs the next number, and, if queries by the new rules do not find all rows by the former ones, a part
#: of queries in `query/former_words.py`. Rules 4 join short words at a slash, read signs that repeat a character, and
#: stem Arabic words without their article.
RULES = 4
#: The first rules with the present facets.
FACET_RULES = 2
#: A longer "word" is data (base64, hashes), which its beginning identifies well enough.
MAX_WORD_CHARS = 64
#: What a folded word counts by its fold, and by each of its other spellings.
FOLD_WEIGHT, SPELLING_WEIGHT = 0.9, 0.2
#: What a compound counts by its joined form, and a word by the words inside it: Java is not JavaScript.
JOINED_WEIGHT, INNER_WEIGHT = 0.9, 0.3

# Hangul, kana, bopomofo, Han, Yi: scripts whose words have endings or are not separated by blanks.
EAST_ASIAN = (
    "가-힣ᄀ-ᇿㄱ-ㆎꥠ-ꥼힰ-ퟻ\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3105-\u312f\u31a0-\u31bf\ua000-\ua48c"
    "々〆〇㐀-䶿一-鿿\uf900-\ufaff\U0001aff0-\U0001b16f\U00016fe0-\U00018d8f\U00020000-\U0003ffff"
)
# Thai, Lao, Myanmar, Khmer, the Tai scripts, Balinese, Javanese.
SOUTH_EAST_ASIAN = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17d7\u17dc"
    "\u17dd\u1950-\u19c9\u1a20-\u1a7c\u1aa7\u1b00-\u1b4c\ua980-\ua9c0\ua9cf\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaac2\uaadb-\uaadd"
)
UNSPACED = EAST_ASIAN + SOUTH_EAST_ASIAN
IN_SYLLABLES = re.compile(f"[{SOUTH_EAST_ASIAN}]")
EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001f3fa\U0001f400-\U0001faff"


#: Vowels that are written before their consonant, and signs that put the next consonant below it.
LEADING_VOWELS, STACKERS = "\u0e40-\u0e44\u0ec0-\u0ec4", "\u17d2\u1039\u1a60\u1b44\ua9c0"

# `c++`, `c#` and `don't` are single words, and `e-mail` is a compound of two.
ASCII_WORD = r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*(?:\+\+|#)?"
ASCII_COMPOUND = re.compile(rf"{ASCII_WORD}(?:[{JOINERS}]{ASCII_WORD})*")
#: The signs that may be part of a compound; and a table that makes blanks of all others.
WORD_SIGNS = f"'+#{JOINERS}"
ASCII_SEPARATED = "".join(
    char if char.isascii() and (char.isalnum() or char in WORD_SIGNS) else " " for char in map(chr, range(256))
).encode()
#: ™ and ½ become words of their own: the normal form joins `TM` to the name, and 1½ would be 11⁄2.
OWN_WORDS = re.compile("[\u2122\u2120\u00bc-\u00be\u2150-\u215e\u2189]")
#: Hyphens that are no ASCII sign.
HYPHENS = re.compile("[\u2010-\u2013\ufe63\uff0d]")
#: French, Italian and Catalan articles and pronouns before a vowel.
ELISION = re.compile(
    r"^(?:[cdjlmnstv]|(?:jus|lors|puis|quoi|pres|quel)?qu|(?:de|ne|a|da|su|que)(?:ll|gl|st)|gl|un)'(?=..)"
)
#: Turkish endings of names: İstanbul'da, Ankara'nın.
NAME_ENDING = re.compile(r"(?<=..)'(?:[nsy]?[aeıiuü]|n?[dt][ae]n?(?:ki)?|n?[ıiuü]n|y?l[ae]|l[ae]r\w*|[dt][ıiuü]r)$")

#: Persian and Urdu: an Arabic stemmer would cut these words.
NOT_ARABIC = re.compile("[پچژگکیہھےںٹڈڑ]")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def split_words(text: str, *, former: bool = False) -> tuple[list[str], list[str]]:
    """Return the tokens of a text and its runs of text without blanks, folded; `compounds_of` reads the tokens.

    ``former``: as rules 3 did.
    """
    if text.isascii():
        return _ascii_tokens(text if former else _joined_pairs(text)), []
    words: list[str] = []
    runs: list[str] = []
    normal = _normal(text if former else OWN_WORDS.sub(_own_word, text))
    for run, word, emoji in _pattern().findall(normal if former else _joined_pairs(normal)):
        if run:
            runs.append(fold_characters(run, former=former))
        else:
            words.append(word or emoji)
    return words, runs


def _ascii_tokens(text: str) -> list[str]:
    """Return what blanks and most signs divide: a table and a split are several times as fast as a pattern."""
    if "," in text:
        text = GROUP_SEPARATOR.sub("_", text)
    return text.encode().translate(ASCII_SEPARATED).replace(b". ", b" ").decode().split()


def _joined_pairs(text: str) -> str:
    return short_pair().sub(r"\1_", text) if "/" in text or "&" in text else text


@functools.cache  # not compiled at the start: few queries have these signs
def short_pair() -> re.Pattern[str]:
    """Return the pattern of two short words that a slash or `&` joins, one of them with a letter: TCP/IP, R&D, km/h.

    The sign is read as a joiner.
    """
    letter = rf"[^\W_{UNSPACED}]"
    return re.compile(
        rf"(?<!{letter})(?<![/&._@-])(?![0-9]+[/&][0-9]+(?!{letter}))"
        rf"({letter}{{1,4}})[/&](?={letter}{{1,4}}(?!{letter}|[/&@]))"
    )


def _own_word(match: re.Match[str]) -> str:
    return " " if match[0] in "\u2122\u2120" else f" {match[0]}"


def compounds_of(token: str) -> list[str]:
    """Return the compounds and words of a token: the tokens of ASCII text may have signs around them.

    >>> compounds_of("'quoted'--e-mail."), compounds_of("C++"), compounds_of("--")
    (['quoted', 'e-mail'], ['C++'], [])
    """
    return ASCII_COMPOUND.findall(token) if token.isascii() and not token.isalnum() else [token]


def words_of(token: str) -> list[str]:
    """Return the words of a token: the parts of its compounds, in lower case and no longer than words are."""
    return [part for compound in compounds_of(token) for part in lowered_parts(compound)]


def lowered_parts(compound: str) -> list[str]:
    """Return the parts of a compound in lower case."""
    return [lower_case(part)[:MAX_WORD_CHARS] for part in compound_parts(compound)]


def language_stem(word: str, language: str) -> str:
    """Return the folded stem of a word in lower case by the stemmer of its own language."""
    plain = ELISION.sub("", word) if "'" in word else word
    return fold_word(stem_in(NAME_ENDING.sub("", plain) if "'" in plain else plain, LANGUAGES[language]))


def token_forms(token: str, language: str | None = None) -> tuple[list[tuple[str, float]], int]:
    """Return the forms of a token in a row, with what each counts, and the number of its words.

    ``language`` is that of the row, if it is known and not English: the stems of that language are further forms.
    """
    found: dict[str, float] = {}
    words = 0
    for compound in compounds_of(token):
        weighed = [(1.0, lower_case(part)[:MAX_WORD_CHARS]) for part in compound_parts(compound)]
        words += len(weighed)
        weighed += [(INNER_WEIGHT, word) for part in compound_parts(compound) for word in inner_words(part)]
        weighed += [(JOINED_WEIGHT, form) for form in joined_words(compound)]
        for share, word in weighed:
            forms = word_forms(word)
            if language is not None and share == 1:
                own = language_stem(word, language)
                forms = forms if own in dict(forms) else (*forms, (own, 1))
            for form, weight in forms:
                found[form] = found.get(form, 0) + share * weight
    return list(found.items()), words


def joined_words(compound: str) -> list[str]:
    """Return the joined forms of a compound, and of its parts with an apostrophe, in lower case."""
    if compound.isalnum():
        return []
    whole = [lower_case(form.word) for form in joined_forms(compound)]
    names = [
        without_apostrophe(lower_case(part)[:MAX_WORD_CHARS]) for part in compound_parts(compound) if is_name(part)
    ]
    return whole + [name for name in names if name is not None]


def is_name(part: str) -> bool:
    """Return whether a part with an apostrophe is one word: O'Brien, L'Oréal; l'eau is an article and a word."""
    return ELISION.match(part.lower()) is None or part.partition("'")[2][:1].isupper()


def run_grams(run: str) -> list[str]:
    """Return a run's characters or syllables and their pairs: a word of one syllable is found inside longer ones."""
    syllables = _syllables(run)
    return syllables + _pairs(syllables)


def run_query_grams(run: str) -> list[str]:
    """Return what a run in a query asks for: its pairs."""
    syllables = _syllables(run)
    return _pairs(syllables) or syllables


@functools.lru_cache(maxsize=100_000)  # texts repeat their words
def word_forms(word: str, *, former: bool = False) -> tuple[tuple[str, float], ...]:
    """Return the forms of a word that are indexed, and what each counts; ``former``: as rules 3 did."""
    plain = ELISION.sub("", word) if "'" in word else word
    name = NAME_ENDING.sub("", plain) if "'" in plain else plain
    if name.isascii() and name == plain:
        return ((stem(plain), 1),)
    arabic = NOT_ARABIC.search(plain) is None
    root = stem(fold_word(name), arabic=arabic, former=former)
    others = dict.fromkeys((plain.replace("ς", "σ"), stem(fold_word(plain.translate(UMLAUTS)), arabic=arabic)))
    spellings = [form for form in others if form not in (fold_word(name), root)]
    if not spellings:
        return ((root, 1),)
    return ((root, FOLD_WEIGHT), *((form, SPELLING_WEIGHT) for form in spellings))


def _normal(text: str) -> str:
    """Return the text in one form of each character, with all its accents, ASCII apostrophes and hyphens."""
    clean = HEBREW_QUOTES.sub("", APOSTROPHES.sub("'", IGNORED.sub("", text)))
    return unicodedata.normalize("NFKC", HYPHENS.sub("-", GROUP_SEPARATOR.sub("_", clean)))


def lower_case(word: str) -> str:
    """Return a word in lower case, each of its characters in one form."""
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word.lower())


def _syllables(run: str) -> list[str]:
    return _syllable().findall(run) if IN_SYLLABLES.search(run) else list(run)


def _pairs(syllables: list[str]) -> list[str]:
    return [first + second for first, second in pairwise(syllables)]


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of tokens: group 1 is text without blanks between words, group 2 a word, group 3 an emoji."""
    letter, mark = rf"[^\W_{UNSPACED}]", rf"(?![ -~\s])[{_marks()}]"  # most words end at an ASCII sign
    letters = rf"{letter}+(?:(?:{mark})+{letter}*)*"
    run = rf"[{UNSPACED}](?:[{UNSPACED}]|{mark})*"
    emoji = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[{EMOJI}]"
    word = rf"{letters}(?:'{letters})*(?:\+\+|#)?"
    return re.compile(rf"({run})|({word}(?:[{JOINERS}]{word})*)|({emoji})")


@functools.cache
def _syllable() -> re.Pattern[str]:
    """Return the pattern of a syllable: a letter with the vowel before it, its signs and the consonants below it."""
    marks = _marks()
    return re.compile(rf"[{LEADING_VOWELS}]?[^{marks}](?:[{STACKERS}][^{marks}]|[{marks}])*|.", re.DOTALL)


@functools.cache
def _marks() -> str:
    """Return the ranges of all combining marks, as the inside of a character class."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _ranges())


def _ranges() -> Iterator[tuple[int, int]]:
    first = last = 0
    for code in (code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M"):
        if code != last + 1:
            if first:
                yield first, last
            first = code
        last = code
    yield first, last
