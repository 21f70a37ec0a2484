"""Detects the encoding of a text by its content, with a certainty; what cannot be detected is not guessed."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass

from pc_worker.reader.text.frequent import HANGUL, HANZI, KANJI
from pc_worker.reader.text.latin import LATIN, certain, readings

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Read if they win, in this order if two read alike.
CANDIDATES = ("cp949", "cp932", "gb18030", *LATIN)
#: Looked at too, so that their texts are not taken for another's; read if the user names them.
_RIVALS = ("big5", "euc_jp", "cp1251", "koi8-r")
#: A text in its right encoding scores 0.6 to 1; in a wrong one less than 0.45.
_ENOUGH, _AHEAD = 0.55, 0.1
_PUNCTUATION = "“”‘’–—…€£¥§©®°™«»¿¡·•½¼¾²³´ªº"


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding, and how certain it is, from 0 to 1."""

    encoding: str
    certainty: float


def guess(sample: bytes) -> Guess | list[str]:
    """Return the encoding of ``sample``, or what was considered, each with its score, if none is certain enough.

    Args:
        sample: Bytes that begin where the file, or a line of it, does; cut anywhere.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return Guess(name, 1.0)
    wide = _two_bytes(sample)
    if wide is not None:
        return wide
    text = _decoded(sample, "utf-8")
    if text is not None:
        return Guess("utf-8", 1.0 if text.isascii() else _by_size(1.0, sum(not c.isascii() for c in text)))
    return _judged(sample)


def _judged(sample: bytes) -> Guess | list[str]:
    texts = {name: text for name in (*CANDIDATES, *_RIVALS) if (text := _decoded(sample, name)) is not None}
    latin = readings({name: text for name, text in texts.items() if name in LATIN})
    fits = {reading.encoding: reading.fit for reading in latin}
    scores = {name: _score(text, name) * fits.get(name, 1.0) for name, text in texts.items()}
    ranked = sorted(scores, key=lambda name: -scores[name])
    considered = [f"{name} {scores[name]:.2f}" for name in ranked[:5]]
    best = latin[0].encoding if ranked and ranked[0] in LATIN else next(iter(ranked), "")
    if scores.get(best, 0.0) < _ENOUGH or best not in CANDIDATES:
        return considered
    others = [name for name in ranked if name != best and not (name in LATIN and best in LATIN)]
    ahead = scores[best] - (scores[others[0]] if others else 0.0)
    if ahead < _AHEAD or (best in LATIN and not certain(latin)):
        return considered
    return Guess(best, _by_size(0.5 + min(ahead, 0.5), sum(not c.isascii() for c in texts[best])))


def _by_size(certainty: float, seen: int) -> float:
    """Return a certainty that grows with the number of characters that speak for it."""
    return round(certainty * (1 - 0.5 ** (seen + 1)), 2)


def _decoded(sample: bytes, encoding: str) -> str | None:
    """Return ``sample`` as text, without a last character that is cut; None if it is not of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        return decoder.decode(sample)
    except UnicodeDecodeError:
        return None


def _two_bytes(sample: bytes) -> Guess | None:
    """Return UTF-16 without a mark, detected by its zero bytes and line ends."""
    if b"\0" not in sample:
        return None
    for name in ("utf-16-le", "utf-16-be"):
        text = _decoded(sample, name)
        if text is None or any(unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in "\t\r\n" for c in text):
            continue
        basic = sum(c.isascii() for c in text)
        feeds = text.count("\n") + text.count("\r")
        bytes_like_feeds = sample.count(b"\n") + sample.count(b"\r")
        if basic and (feeds * 2 > bytes_like_feeds if bytes_like_feeds else basic * 5 > len(text) * 4):
            return Guess(name, _by_size(0.95, basic))
    return None


def _score(text: str, encoding: str) -> float:
    """Return how much the characters beyond ASCII look like text in one of the encoding's languages, 0 to 1."""
    if encoding in ("cp1251", "koi8-r"):
        return _cyrillic(text)
    if encoding in LATIN:
        return _european(text)
    marks = [c for c in text if not c.isascii()]
    if encoding == "euc_jp" and not any("ぁ" <= c <= "ー" for c in marks):
        return 0.75 * sum(map(_japanese, marks)) / max(len(marks), 1)  # Chinese reads as Japanese without kana
    rule = {"cp949": _korean, "gb18030": _chinese, "big5": _traditional}.get(encoding, _japanese)
    return sum(map(rule, marks)) / len(marks) if marks else 0.0


def _korean(c: str) -> float:
    if "가" <= c <= "힣":
        return 1.0 if c in HANGUL else 0.6 if _in(c, "euc_kr") else 0.0
    return 0.25 if "一" <= c <= "鿿" else _sign(c)


def _chinese(c: str) -> float:
    if "一" <= c <= "鿿":
        code = c.encode("gb18030")
        first = code[0] if len(code) == 2 and code[1] >= 0xA1 else 0
        return 1.0 if c in HANZI else 0.55 if 0xB0 <= first <= 0xD7 else 0.25 if first >= 0xD8 else 0.0
    return _sign(c)


def _traditional(c: str) -> float:
    if "一" <= c <= "鿿":
        return 1.0 if c in HANZI else 0.55 if c.encode("big5")[0] <= 0xC6 else 0.2
    return _sign(c)


def _japanese(c: str) -> float:
    if "ぁ" <= c <= "ゖ" or "ァ" <= c <= "ー":
        return 0.9
    if "一" <= c <= "鿿":
        code = c.encode("cp932", "replace")
        return 1.0 if c in KANJI else 0.55 if 0x88 <= code[0] <= 0x97 else 0.2
    return 0.1 if "｡" <= c <= "ﾟ" else _sign(c)


def _sign(c: str) -> float:
    """Return the score of what is no letter: punctuation of East Asian text, or anything else."""
    if "　" <= c <= "〗" or "！" <= c <= "～" or c in "·…—‘’“”→①②③":
        return 0.6
    return 0.05


def _european(text: str) -> float:
    """Return the score of a text whose marked letters should be alone between plain ones."""
    points, seen, at = 0.0, 0, 0
    while at < len(text):
        if text[at].isascii():
            at += 1
            continue
        end = at
        while end < len(text) and not text[end].isascii():
            end += 1
        before, after = text[at - 1 : at], text[end : end + 1]
        points += _run(text[at:end], before, after)
        seen, at = seen + end - at, end
    return points / seen if seen else 0.0


def _run(run: str, before: str, after: str) -> float:
    if len(run) > 2:
        return 0.0
    beside = before.isalpha() or after.isalpha()
    return sum(_letter(c, before, beside=beside) for c in run) * (1.0 if len(run) == 1 else 0.8)


def _letter(c: str, before: str, *, beside: bool) -> float:
    if c in _PUNCTUATION:
        return 0.75
    if not c.isalpha():
        return 0.1
    if c.isupper() and before.islower():
        return 0.2
    return 0.95 if beside else 0.55


def _cyrillic(text: str) -> float:
    places = [at for at, c in enumerate(text) if not c.isascii()]
    points = 0.0
    for at in places:
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        latin = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
        right = "Ё" <= text[at] <= "ё" and not latin and not (text[at].isupper() and before.islower())
        points += 0.8 if right else 0.05
    return points / len(places) if places else 0.0


def _in(c: str, encoding: str) -> bool:
    try:
        c.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
