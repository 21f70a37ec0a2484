"""Check an answer sentence by sentence: citations exist, and each statement is in the passages that are cited."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from pc_worker.services.answers.evidence import Evidence, Numbered
from pc_worker.services.answers.injection.detection import as_data
from pc_worker.services.answers.request import Flag
from pc_worker.store.search.query.query_words import known_terms, query_terms
from pc_worker.store.search.words.stopwords import without_function_words

#: Citations as models write them. `[ 1 ]` is none: passages have it where a row has `[1]` (``as_data``). An address
#: after it would make it a link to elsewhere.
GROUP = re.compile(
    r"[ \t]*[\[【［〔](\d+(?:\s*[,;–-]\s*\d+)*)[\]】］〕]"
    r"(?:\((?:\w+:|//?|#|\?|www\.)(?:[^()\s]|\([^()\s]*\))*\))?"
)
#: What a reader's program would load, run, or use as the target of our citations: images, elements, link definitions.
ACTIVE = re.compile(
    r"!(?=\[[^\]]*\]\s*[(\[])|(?<=<)(?=/?(?:a|audio|base|embed|form|iframe|image|img|input|link|math|meta|object|script|source"
    r"|style|svg|video)\b)|^[ \t]{0,3}\[[^\]]+\]:(?=\s*\S)",
    re.IGNORECASE | re.MULTILINE,
)
CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)
CITATION = re.compile(r"\[(\d+)\]")
NUMBER = re.compile(r"\d+(?:[,.\u00a0\u202f]\d+)*")
LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
NAME = re.compile(r"(?<![.!?…:\n\"'“(\[])(?<=[^\W\d_,;)] )([A-Z][\w-]{2,}(?:\.[A-Za-z]\w+)*)")
#: Shares of a sentence's content words that its passages must have, if both are written in the same script.
MIN_OVERLAP = 0.34
#: With fewer content words a sentence states nothing ("Yes.", "In short:").
STATEMENT_WORDS = 3
#: Citations that one range such as [1-3] may stand for, and digits of a number that a passage may have.
LONGEST_RANGE, MOST_DIGITS = 10, 9
#: What is left out can bring together what was apart, as in [7[99]7], but only a hostile model does that often.
ROUNDS = 20
SCRIPTS = ("HANGUL", "CJK", "HIRAGANA", "KATAKANA", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "GREEK")


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A checked sentence: its text with valid citations only, those, and whether the passages support it.

    The text is empty if it has a number that no cited passage has: a wrong number is worse than none.
    """

    text: str
    cited: tuple[int, ...]
    claim: bool
    supported: bool
    flags: tuple[Flag, ...] = ()


@dataclass(slots=True)
class Checker:
    """Checks the sentences of one answer."""

    evidence: Evidence
    question: str
    _asked: set[str] = field(init=False)

    def __post_init__(self) -> None:
        """Read the numbers of the question: an answer may repeat them."""
        self._asked = numbers(self.question)

    def check(self, sentence: str) -> CheckedSentence:
        """Return the sentence with its flags; a statement that is not supported gets a mark in its language."""
        text, removed = self._citations(sentence)
        cited = tuple(dict.fromkeys(int(found) for found in CITATION.findall(text)))
        bare = LIST_MARK.sub("", CITATION.sub("", text)).strip()
        sources = [one for one in map(self.evidence.get, cited) if one is not None]
        flags = [Flag("citation", mark, sentence.strip()) for mark in removed]
        if bare.startswith("```") or not bare:
            return CheckedSentence(text, cited, claim=False, supported=False, flags=tuple(flags))
        claim, supported = self._support(bare, sources)
        unknown = sorted(numbers(bare) - self._asked - self._known(sources)) if claim or numbers(bare) else []
        flags += [Flag("number", number, bare) for number in unknown]
        flags += [Flag("name", name, bare) for name in self._unknown_names(bare, sources)]
        if claim and not supported:
            flags.append(Flag("unsupported", bare, bare))
        if unknown:
            return CheckedSentence("", (), claim=True, supported=False, flags=tuple(flags))
        shown = _marked(text) if claim and not supported else text
        return CheckedSentence(shown, cited, claim, supported, tuple(flags))

    def _citations(self, sentence: str) -> tuple[str, list[str]]:
        """Return the sentence with each valid citation as `[n]`, and the invalid ones; code cites nothing."""
        removed: list[str] = []

        def one(match: re.Match[str]) -> str:
            wanted = _range(match[1])
            valid = [number for number in wanted if self.evidence.get(number) is not None]
            removed.extend(f"[{number}]" for number in wanted if number not in valid)
            space = " " if match.group()[0] in " \t" and valid else ""
            return space + "".join(f"[{number}]" for number in valid)

        def cleaned(text: str) -> str:
            for _ in range(ROUNDS):
                before, text = text, GROUP.sub(one, inactive(text))
                if text == before:
                    return text
            return inactive(as_data(text))

        parts = CODE.split(sentence)
        return "".join(as_data(part) if i % 2 else cleaned(part) for i, part in enumerate(parts)), removed

    def _support(self, bare: str, sources: list[Numbered]) -> tuple[bool, bool]:
        words = content_terms(bare)
        claim = len(words) >= STATEMENT_WORDS or bool(numbers(bare) - self._asked) or bool(sources)
        if bare.endswith((":", "：")) and not sources and not numbers(bare) - self._asked:
            claim = False
        if not sources:
            return claim, False
        texts = " ".join(one.shown for one in sources)
        if not texts.strip(" (…)\n"):
            return claim, False
        if not words or script(bare) != script(texts):
            return claim, script(bare) == script(self.question)
        known = known_terms("", texts + " " + " ".join(_labels(sources)))
        return claim, len(words & known) / len(words) >= MIN_OVERLAP

    def _known(self, sources: list[Numbered]) -> set[str]:
        found = {number for one in sources for number in numbers(one.shown)}
        found |= {number for label in _labels(sources) for number in numbers(label)}
        return found | self.evidence.facts

    def _unknown_names(self, bare: str, sources: list[Numbered]) -> list[str]:
        found = [match for match in NAME.findall(bare)]
        words = bare.split()
        if not sources or not found or len(found) > 0.35 * len(words):  # languages that capitalise every noun
            return []
        known = " ".join([self.question, *(one.shown for one in sources), *_labels(sources)]).casefold()
        return sorted({name for name in found if name.casefold() not in known})


def _labels(sources: Iterable[Numbered]) -> list[str]:
    return [one.passage.label for one in sources if one.passage.label]


def _range(text: str) -> list[int]:
    # A number of many digits is no passage's, and `int` refuses thousands of them.
    numbers_found = [int(number) if len(number) <= MOST_DIGITS else 0 for number in re.findall(r"\d+", text)]
    if re.search(r"[–-]", text) and len(numbers_found) == 2 and 0 < numbers_found[1] - numbers_found[0] < LONGEST_RANGE:
        return list(range(numbers_found[0], numbers_found[1] + 1))
    return numbers_found


def inactive(text: str) -> str:
    """Return the text without markup that loads or runs something, or that changes the target of our citations.

    >>> inactive("![x](http://a/b.png) <img src=x> List<String>")
    '[x](http://a/b.png) < img src=x> List<String>'
    """
    return ACTIVE.sub(lambda found: "" if found.group() else " ", text)


def numbers(text: str) -> set[str]:
    """Return the numbers of a text, each in one form: 1,000 and 1000, 5.0 and 5 are equal.

    >>> sorted(numbers("1,000 of 5.0 in 2024-05"))
    ['1000', '2024', '5']
    """
    text = unicodedata.normalize("NFKC", LIST_MARK.sub("", text))
    return {form for found in NUMBER.findall(text) for form in [_number(found)] if form}


def _number(text: str) -> str:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) is not None
    plain = plain.replace(",", "" if grouped else ".")
    if plain.count(".") > 1:  # a version or a date
        return plain
    value = Decimal(plain)
    return format(value.normalize(), "f") if value else "0"


def content_terms(text: str) -> set[int]:
    """Return the terms of a text's content words."""
    return set(query_terms("", without_function_words(text)))


def script(text: str) -> str:
    """Return the script that most letters of a text are of: its name, or LATIN for all others."""
    counts: dict[str, int] = {}
    for char in text[:2_000]:
        if char.isalpha():
            name = "LATIN" if char.isascii() else unicodedata.name(char, "").partition(" ")[0]
            counts[name] = counts.get(name, 0) + 1
    likely = max(counts, key=lambda name: counts[name], default="LATIN")
    return likely if likely in SCRIPTS else "LATIN"


def mark_of(text: str) -> str:
    """Return the mark of a statement that no passage supports, in the language of the text."""
    marks = {"HANGUL": "(확인되지 않음)", "CJK": "(未核实)", "HIRAGANA": "(未確認)", "KATAKANA": "(未確認)"}
    return marks.get(script(text), "(unverified)")


def _marked(sentence: str) -> str:
    body = sentence.rstrip()
    return f"{body} {mark_of(body)}{sentence[len(body) :]}"
