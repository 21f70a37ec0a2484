"""Detects the one-byte encoding of European languages by whether the letters read are those of one language."""

from __future__ import annotations

from dataclasses import dataclass

#: Letters beyond ASCII by language, the most frequent first; after a blank those that are rare or only in names.
_WESTERN = (
    "üäöß éàè",
    "éèàêçôâîûù ëïœæÿü",
    "óíáéñú üçºª",
    "ãçáéíóêõâúà ôüºª",
    "àèùìòé íóúîºª",
    "äöå éüáàè",
    "øåæ éäöüòóôâ",
    "éëïèöü äáíóêçà",
    "àéòèíçóúï ü",
    "éíáúó",
)
#: Spoken by few: a single letter is no evidence for them.
_NORTHERN = ("áíðéöúóþýæ", "äõüö šž")
#: Names and words of several Western languages in one table.
_MIXED = "éäöüáíóçèñßàãåøêæâôîúëïùûìò œÿõðþýºª"
_CENTRAL = (
    "łąężóćśńź äöüé",
    "íáěéšřčžýůúťďňó öüäôľĺŕ",
    "áíčéžšýúľťôňäóď ĺŕöüěř",
    "áéöóőíüúű ä",
    "ăîşţâ éöüáőóí",
    "čšžćđ éöüä",
)
_TURKISH = ("ıüşöçğ âîûé",)
_BALTIC = ("ėšįžųąčūę éöü", "āīēšūņļžģčķ éöüõ")
#: Distinguished here, in this order if two read the same letters, by the languages written in them.
LATIN: dict[str, tuple[str, ...]] = {
    "cp1252": (*_WESTERN, *_NORTHERN, _MIXED),
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
}
_NEUTRAL = frozenset("“”„‘’‚‹›–—…€£¥§°™«»·•´\xa0\xad")
_BETWEEN_WORDS = frozenset("£¥€§°«»™")
#: What speaks against an encoding, as the logarithm of a likelihood: for a letter or sign that its language has rarely,
#: or not at all, and for each place in the order of frequent letters.
_RARELY, _NEVER, _FIRST, _PLACE = 4.6, 7.0, 1.2, 0.22
#: What speaks for the languages that most files of an unknown one-byte encoding are in.
_LIKELY = 2.0
#: Share of signs that may be strange to the language: names and words of others.
_MAX_STRANGE = 0.1
#: How much more must speak against the second-best.
_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text reads in one encoding: its signs beyond ASCII, how many are strange, and what speaks against it."""

    encoding: str
    text: str
    strange: float
    seen: int
    against: float

    @property
    def fit(self) -> float:
        """The share of signs that are not strange."""
        return max(0.0, 1 - self.strange / self.seen) if self.seen else 1.0


def readings(texts: dict[str, str]) -> list[Reading]:
    """Return how each text reads in its encoding, the best first."""
    found = [_reading(name, text) for name, text in texts.items()]
    return sorted(found, key=lambda reading: (reading.against, list(LATIN).index(reading.encoding)))


def certain(found: list[Reading]) -> bool:
    """Return whether the best reading is that of one language, and the only one but for those that read the same."""
    best = found[0]
    if best.strange > _MAX_STRANGE * best.seen:
        return False
    other = next((reading for reading in found[1:] if reading.text != best.text), None)
    return other is None or other.against - best.against >= _MARGIN


def _reading(encoding: str, text: str) -> Reading:
    counts: dict[str, int] = {}
    strange, seen = 0.0, 0
    for at, c in enumerate(text):
        if c.isascii():
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if c in _NEUTRAL and not (c in _BETWEEN_WORDS and before.isalpha() and after.isalpha()):
            continue
        seen += 1
        if not c.isalpha() or c in "ªº":
            strange += _sign(c, before, after)
        elif c.isupper() and before.islower():
            strange += 1
        else:
            letter = "i" if c == "İ" else c.lower()
            counts[letter] = counts.get(letter, 0) + 1
    counts.pop("i", None)
    missing, against = min((_weighed(counts, language) for language in LATIN[encoding]), key=lambda pair: pair[1])
    return Reading(encoding, text, strange + missing, seen, against + _NEVER * strange)


def _sign(c: str, before: str, after: str) -> float:
    """Return how strange a sign is that is no letter: each has its place at the begin or end of words."""
    if c in "¿¡":
        return float(before.isalnum())
    if c in "ªº²³¹½¼¾":
        return 1.0 if after.isalpha() or not before.isalnum() else 0.1
    if c in "©®":
        return float(after.isalpha())
    if c in "±×÷µ":
        return 0.1
    return 2.0 if "\x80" <= c <= "\x9f" else 1.0


def _weighed(counts: dict[str, int], language: str) -> tuple[float, float]:
    """Return how many letters a language has not, and what speaks against it."""
    usual, _, rare = language.partition(" ")
    missing, against = 0.0, -_LIKELY if language in _WESTERN else 0.0
    for letter, count in counts.items():
        if (place := usual.find(letter)) >= 0:
            against += count * (_FIRST + _PLACE * place)
        elif letter in rare:
            against += count * _RARELY
        else:
            missing, against = missing + count, against + count * _NEVER
    return missing, against
