"""Inflected stems of Korean verbs and adjectives in a query: 걷다 (to walk) also asks for 걸었다 and 걷는.

They are made by the rules of the spelling, and only of the form that dictionaries have, which ends in 다. Rows need no
other terms: they have the syllables and the pairs of syllables of all their words.
"""

from __future__ import annotations

from collections.abc import Iterator

#: A syllable is 588 · its first consonant + 28 · its vowel + its last consonant.
FIRST_SYLLABLE, LAST_SYLLABLE = ord("가"), ord("힣")
VOWELS = 21
ENDINGS = 28
# Last consonants and vowels by their numbers.
NONE, NIEUN, TIKEUT, RIEUL, PIEUP, SIOS, SSANGSIOS, HIEUH = 0, 4, 7, 8, 17, 19, 20, 27
A, AE, YAE, EO, YEO, O_, WA, U_, WO, EU, I_ = 0, 1, 3, 4, 6, 8, 9, 13, 14, 18, 20
#: A vowel with that of the ending 아 or 어.
CONTRACTED = {O_: (WA,), U_: (WO,), EU: (A, EO), I_: (YEO,)}
#: Of a stem without a last consonant, that of 간, 갈, 갑니다, 갔다.
ADDED = (NIEUN, RIEUL, PIEUP, SSANGSIOS)
#: Stems whose last consonant is another one before a vowel, or none: 걷다 걸어, 짓다 지어, 춥다 추워, 살다 산다.
CHANGED = {TIKEUT: (RIEUL,), SIOS: (NONE,), PIEUP: (NONE,), RIEUL: (NONE, NIEUN), HIEUH: (NONE, NIEUN)}
#: Common words that end like a verb.
NOUNS = frozenset({"바다", "캐나다", "소다", "판다", "우간다", "르완다", "베란다", "마다"})
MAX_SYLLABLES = 6


def inflected_grams(run: str) -> set[str]:
    """Return the syllable or the pairs of syllables that inflected forms of a verb have; none of other words.

    >>> sorted(inflected_grams("맑다")), "걸" in inflected_grams("걷다"), "켰" in "".join(inflected_grams("지키다"))
    (['맑'], True, True)
    """
    if not run.endswith("다") or not 2 <= len(run) <= MAX_SYLLABLES or run in NOUNS:
        return set()
    stem = run[:-1]
    if not all(FIRST_SYLLABLE <= ord(sign) <= LAST_SYLLABLE for sign in stem):
        return set()
    if stem.endswith("니") and len(stem) > 1 and _parts(stem[-2])[2] == PIEUP:  # 합니다, 있습니다
        return set()
    return {f"{stem[-2:-1]}{last}" for last in _last_syllables(stem[-1])} | set(_with_reu(stem))


def _last_syllables(last: str) -> Iterator[str]:
    """Yield what the last syllable of a stem becomes."""
    first, vowel, ending = _parts(last)
    yield last
    for changed in CHANGED.get(ending, ()):
        yield _syllable(first, vowel, changed)
    if ending == HIEUH:  # 빨갛다: 빨개, 빨갰다, 하얗다: 하얘
        yield from (_syllable(first, mixed, closed) for mixed in (AE, YAE) for closed in (NONE, SSANGSIOS))
    if ending != NONE:
        return
    yield from (_syllable(first, vowel, added) for added in ADDED)
    contracted = (AE,) if last == "하" else CONTRACTED.get(vowel, ())
    yield from (_syllable(first, mixed, closed) for mixed in contracted for closed in (NONE, SSANGSIOS))


def _with_reu(stem: str) -> Iterator[str]:
    """Yield the syllables and pairs of stems in 르: 부르다 불러, 모르다 몰랐다."""
    if len(stem) > 1 and stem.endswith("르"):
        first, vowel, ending = _parts(stem[-2])
        if ending == NONE:
            before = _syllable(first, vowel, RIEUL)
            yield from (before + last for last in "라랐러렀")


def _parts(syllable: str) -> tuple[int, int, int]:
    number, ending = divmod(ord(syllable) - FIRST_SYLLABLE, ENDINGS)
    return *divmod(number, VOWELS), ending


def _syllable(first: int, vowel: int, ending: int) -> str:
    return chr(FIRST_SYLLABLE + (first * VOWELS + vowel) * ENDINGS + ending)
