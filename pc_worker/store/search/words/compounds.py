"""Words that are written joined, divided or with signs between their parts: e-mail, createRequest, COVID-19, 1,000.

A text has the parts of such a word and its joined form, so that each spelling finds the others. What is divided in a
text by blanks only, such as `e mail`, is joined in queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from pc_worker.store.search.words.folding import fold_word

#: What joins the parts of a word.
JOINERS = "-_."
#: The most parts and characters of a joined form: longer ones are sentences or paths.
MAX_PARTS, MAX_CHARS = 6, 40
#: Of this many parts neighbours are joined, too: `wifi` finds `wi-fi-router`.
PARTS_WITH_PAIRS = (3, 4)
#: Figures that are joined: three groups with six digits (dates), two with seven (telephone numbers), or thousands.
MIN_GROUPS, MIN_DIGITS = 3, 6
THOUSANDS = re.compile(r"\d{1,3}(?:[_.]\d{3})+")
#: The comma or the narrow blank in 1,000: read as a joiner.
GROUP_SEPARATOR = re.compile("[,\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))(?<=[0-9].)")

JOINER = re.compile(f"[{JOINERS}]")
#: createRequest, HTMLParser, utf8Encode; not CPUs.
SMALL, CAPITAL = "a-zß-öø-ÿα-ωа-яё", "A-ZÀ-ÖØ-ÞΑ-ΩА-ЯЁ"
CASE_CHANGE = re.compile(rf"(?<=[{SMALL}])(?=[{CAPITAL}])|(?<=[{CAPITAL}0-9])(?=[{CAPITAL}][{SMALL}]{{2}})")
LETTERS_THEN_DIGITS = re.compile(r"([a-z]+)([0-9]+)")
DIGITS_THEN_LETTERS = re.compile(r"([0-9]+)([a-z]+)")
#: Letters before digits are their own word from this length: `covid` finds `covid19`.
MIN_LETTERS = 2
#: Hebrew particles that are written as a part of the next word: and, the, in, to, from, that, as; and what may follow.
HEBREW = re.compile("[א-ת]+")
PARTICLES, BEFORE_PARTICLES = "והבלמשכ", "ושכמל"
#: The fewest letters that are left of a word without its particles.
MIN_HEBREW = 3


#: The fewest parts of a name whose neighbours are asked for, one more if it begins with a capital letter.
MIN_NAME_PARTS = 3
#: Digits of numbers that may be divided in thousands.
MIN_THOUSAND, MAX_THOUSANDS = 4, 9
#: How telephone numbers and dates are usually divided, by their number of digits.
DIGIT_GROUPS = {7: ((3, 4),), 8: ((4, 4), (4, 2, 2)), 10: ((3, 3, 4), (2, 4, 4)), 11: ((3, 4, 4),)}


class Joined(NamedTuple):
    """A joined form, and the range of the parts that it joins."""

    word: str
    first: int
    end: int


def compound_parts(compound: str) -> list[str]:
    """Return the parts of a word that joiners divide.

    >>> compound_parts("snake_case-name"), compound_parts("word")
    (['snake', 'case', 'name'], ['word'])
    """
    return JOINER.split(compound)


def joined_forms(compound: str) -> list[Joined]:
    """Return the joined forms of a word with joiners, in lower case; none of one without.

    >>> [form.word for form in joined_forms("Wi-Fi-Router")]
    ['wifirouter', 'wifi', 'firouter']
    >>> [[form.word for form in joined_forms(word)] for word in ("12-15", "3.14", "2024-05-01", "555-1234")]
    [[], [], ['20240501'], ['5551234']]
    """
    parts = [part.replace("'", "") for part in compound_parts(compound.lower())]
    if not 2 <= len(parts) <= MAX_PARTS or len(compound) > MAX_CHARS:
        return []
    if all(part.isdecimal() for part in parts) and not _are_one_number(compound, parts):
        return []
    found = [Joined("".join(parts), 0, len(parts))]
    if len(parts) in PARTS_WITH_PAIRS and "." not in compound:
        found += [Joined(a + b, n, n + 2) for n, (a, b) in enumerate(pairwise(parts)) if not (a + b).isdecimal()]
    return found


def _are_one_number(compound: str, parts: Sequence[str]) -> bool:
    if THOUSANDS.fullmatch(compound):
        return True
    digits = sum(map(len, parts))
    if len(parts) < MIN_GROUPS:  # 3.1415926 is no telephone number
        return digits > MIN_DIGITS and "." not in compound
    return digits >= MIN_DIGITS


def without_apostrophe(word: str) -> str | None:
    """Return a name or word with an apostrophe without it: OBrien, dont; None if it is an ending, as in user's.

    >>> without_apostrophe("o'brien"), without_apostrophe("1'000"), without_apostrophe("user's")
    ('obrien', '1000', None)
    """
    return None if "'" not in word or word.endswith("'s") else word.replace("'", "")


def case_parts(word: str) -> list[str]:
    """Return the parts of a word that begin with a capital letter, in lower case; none of other words.

    >>> case_parts("createRequest"), case_parts("parseHTTPResponse"), case_parts("CPUs"), case_parts("Word")
    (['create', 'request'], ['parse', 'http', 'response'], [], [])
    """
    if word.islower() or not word.isalnum() or len(word) > MAX_CHARS:
        return []
    parts = CASE_CHANGE.split(word)
    return [part.lower() for part in parts] if 2 <= len(parts) <= MAX_PARTS else []


def divided(word: str) -> tuple[str, ...]:
    """Return the letters and the digits of a word in lower case that has one group of each; else nothing.

    >>> divided("covid19"), divided("10km"), divided("h1n1")
    (('covid', '19'), ('10', 'km'), ())
    """
    found = LETTERS_THEN_DIGITS.fullmatch(word) or DIGITS_THEN_LETTERS.fullmatch(word)
    return found.groups() if found and len(word) <= MAX_CHARS else ()


def divisions(word: str) -> list[tuple[str, ...]]:
    """Return the ways to divide a word at its changes of case, and between letters and digits; all parts first.

    >>> divisions("OpenStreetMap")
    [('open', 'street', 'map'), ('open', 'streetmap'), ('openstreet', 'map')]
    """
    parts = tuple(case_parts(word))
    cuts = range(1, len(parts)) if len(parts) > 2 else ()
    found = [parts, *(("".join(parts[:n]), "".join(parts[n:])) for n in cuts), divided(word.lower())]
    return [one for one in found if one]


def guessed_divisions(word: str) -> Iterator[tuple[str, ...]]:
    """Yield further ways to divide a word, of which a text has all parts or the word was not meant.

    They are neighbours in the name of a function or class, all letters and digits, thousands, telephone numbers, dates.

    >>> list(guessed_divisions("getHTTPResponse")), list(guessed_divisions("OpenStreetMap"))
    ([('get', 'http'), ('http', 'response')], [])
    >>> list(guessed_divisions("utf8Encode")), list(guessed_divisions("10000")), list(guessed_divisions("5551234"))
    ([('utf', '8', 'encode')], [('10', '000')], [('5', '551', '234'), ('555', '1234')])
    """
    parts = case_parts(word)
    if len(parts) >= MIN_NAME_PARTS + word[:1].isupper():
        yield from pairwise(parts)
    finer = tuple(piece for part in parts for piece in divided(part) or (part,))
    if len(finer) > len(parts):
        yield finer
    if word.isascii() and word.isdecimal():
        if MIN_THOUSAND <= len(word) <= MAX_THOUSANDS and word[0] != "0":
            yield tuple(f"{int(word):,}".split(","))
        for groups in DIGIT_GROUPS.get(len(word), ()):
            yield tuple(word[end - size : end] for size, end in zip(groups, accumulate(groups), strict=True))
    name = word.lower().split("'")
    if len(name) > 1 and all(name) and name[-1] != "s":
        yield tuple(name)


def without_particles(word: str) -> list[str]:
    """Return a Hebrew word in lower case without its first letter or two, which may be particles; else nothing.

    >>> without_particles("הבית"), without_particles("והבית"), without_particles("בית"), without_particles("the")
    (['בית'], ['הבית', 'בית'], [], [])
    """
    if word[:1] not in PARTICLES or not HEBREW.fullmatch(word):
        return []
    most = 2 if word[0] in BEFORE_PARTICLES and word[1:2] in PARTICLES else 1
    return [word[n:] for n in range(1, most + 1) if len(word) - n >= MIN_HEBREW]


def inner_words(word: str) -> Iterator[str]:
    """Yield the words that a text with this word also has a little.

    They are its parts by case, letters before digits, and Hebrew words without particles.
    """
    yield from case_parts(word)
    if not word.isascii():
        yield from without_particles(fold_word(word))
    letters = divided(word.lower())
    if letters and len(letters[0]) >= MIN_LETTERS and letters[0].isalpha():
        yield letters[0]


def joined_pair(first: str, second: str) -> str | None:
    """Return two words that a blank divides as one word; None if they cannot be one.

    >>> joined_pair("Wi", "Fi"), joined_pair("10", "km"), joined_pair("1", "000"), joined_pair("12", "15")
    ('WiFi', '10km', '1000', None)
    """
    joined = first + second
    if not joined.isalnum() or len(joined) > MAX_CHARS:
        return None
    if joined.isdecimal() and not THOUSANDS.fullmatch(f"{first}.{second}"):
        return None
    return joined
