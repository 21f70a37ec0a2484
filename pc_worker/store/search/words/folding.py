"""Fold letters that are written in several ways into one: accents, Arabic and Indic spellings, kana, Chinese variants.

A fold is for comparison only and never shown. It must depend on the letter alone, not on a guess of the language, so
that a query and a row always agree.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

HAN_VARIANTS = Path(__file__).with_name("han_variants.txt")

#: Signs that are not part of a spelling: soft hyphen, joiners, directions, variation selectors, zero-width blanks.
IGNORED = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+")
#: The apostrophes that keyboards and word processors write.
APOSTROPHES = re.compile("[\u2018\u2019\u201b\u02bb\u02bc\u2032\uff07]")
#: Hebrew abbreviations: צה״ל and צה"ל.
HEBREW_QUOTES = re.compile("(?<=[א-ת])[\"'\u05f3\u05f4](?=[א-ת])")
#: Nasals before a consonant, which Devanagari also writes as a dot: हिन्दी and हिंदी.
DEVANAGARI_NASAL = re.compile("[ङञणनम]्(?=[क-म])")

#: Letters without a canonical decomposition, and spellings of one letter.
LETTERS = {
    **dict(zip("øłđðħŧı", "olddhti", strict=True)),
    **{"æ": "ae", "œ": "oe", "þ": "th"},
    **dict(zip("ёѐѝ", "еей", strict=True)),
    **dict(zip("ٱىیکةۀۂہۃ", "اييكههههه", strict=True)),
    "ـ": "",
    "ँ": "ं",
}
#: Marks that many writers leave out. All others, such as the vowel signs of Indic scripts, are part of the spelling.
OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4"  # Arabic
    "\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff"
    "\u0711\u0730-\u074a"  # Syriac
    "\u093c\u0a3c\u0abc\u0cbc\u0951-\u0954\u1cd0-\u1ce8]"  # dots below Indic consonants, Vedic accents
)
#: Has no variants.
HANGUL = re.compile("[가-힣]*")
#: Katakana and hiragana are in the same order.
KATAKANA, KANA_SHIFT = range(0x30A1, 0x30F7), 0x60
#: The sign that repeats the character before it, the one that repeats it with a voiced sound, and that sound's mark.
REPEATED, REPEATED_VOICED, VOICED = re.compile("(.)[々〻ゝ]"), re.compile("(.)ゞ"), "\u3099"
#: In Thai and Lao typed and shown alike: a mark before a tone instead of after it, and one vowel as two.
MARK_BEFORE_TONE = re.compile("([\u0e4d\u0ecd])([\u0e48-\u0e4b\u0ec8-\u0ecb])")
TWO_SIGNS = {"\u0e40\u0e40": "\u0e41", "\u0ec0\u0ec0": "\u0ec1"}
RESPELLED = re.compile("[々〻ゝゞ\u0e4d\u0ecd]|\u0e40\u0e40|\u0ec0\u0ec0")
#: ヶ and ヵ in 一ヶ月 are read か.
SMALL_KA = dict.fromkeys((0x30F5, 0x30F6, 0x3095, 0x3096), ord("か"))
#: Other forms of characters in Japanese names.
NAME_VARIANTS = dict(zip("髙﨑邉濵𠮷栁桒舘", "高崎辺浜吉柳桑館", strict=True))


class _Fold(dict[int, str]):
    """A table for ``str.translate`` that computes the fold of a letter when it first occurs."""

    def __missing__(self, code: int) -> str:
        self[code] = fold = _folded(chr(code))
        return fold


FOLD = _Fold()


def fold_word(word: str) -> str:
    """Return a word in lower case without optional marks, in the plainest spelling of its letters."""
    folded = unicodedata.normalize("NFC", word.casefold()).translate(FOLD)
    return DEVANAGARI_NASAL.sub("ं", folded)


def fold_characters(run: str, *, former: bool = False) -> str:
    """Return Chinese, Japanese or Korean text with simplified characters, hiragana for katakana, and no accents.

    ``former``: as rules 3 did.
    """
    if HANGUL.fullmatch(run):
        return run
    folded = OPTIONAL_MARKS.sub("", run).translate(_character_table(former))
    return folded if former or RESPELLED.search(folded) is None else _respelled(folded)


def _respelled(run: str) -> str:
    """Return a run with characters for the signs that repeat them, and its marks and vowels in one order."""
    run = REPEATED.sub(r"\1\1", run)
    run = REPEATED_VOICED.sub(lambda match: match[1] + unicodedata.normalize("NFC", match[1] + VOICED), run)
    run = MARK_BEFORE_TONE.sub(r"\2\1", run)
    for two, one in TWO_SIGNS.items():
        run = run.replace(two, one)
    return run


def _folded(letter: str) -> str:
    if letter in LETTERS:
        return LETTERS[letter]
    if unicodedata.category(letter) == "Nd":
        return str(unicodedata.decimal(letter))
    parts = unicodedata.normalize("NFD", letter)
    plain = OPTIONAL_MARKS.sub("", parts)
    if plain == parts or unicodedata.name(letter, "").startswith("CYRILLIC"):
        return letter  # й is not и with an accent, but a separate letter
    return "".join(LETTERS.get(part, part) for part in unicodedata.normalize("NFC", plain))


@functools.cache
def _character_table(former: bool) -> dict[int, int]:
    lines = HAN_VARIANTS.read_text(encoding="utf-8").splitlines()
    characters = "".join(line for line in lines if not line.startswith("#"))
    variants = dict(zip(map(ord, characters[::2]), map(ord, characters[1::2]), strict=True))
    table = variants | {code: code - KANA_SHIFT for code in KATAKANA} | {0x30FD: 0x309D, 0x30FE: 0x309E}
    if former:
        return table
    names = {ord(variant): table.get(ord(usual), ord(usual)) for variant, usual in NAME_VARIANTS.items()}
    return table | SMALL_KA | names
