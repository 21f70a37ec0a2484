"""An answer while it is written: checked sentence by sentence, and passed on once one of them is supported."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pc_worker.services.answers.checks.check import CheckedSentence, Checker, script
from pc_worker.services.answers.checks.sentences import SentenceStream, is_finished
from pc_worker.services.answers.request import Flag

NO_ANSWER = re.compile(r"[\s\"'`*_(]*NO[_ ]ANSWER\b[\s.\"'`*_)]*", re.IGNORECASE)
#: Flags for which a model writes its answer again.
CORRECTABLE = frozenset(("unsupported", "number", "citation", "language"))


@dataclass(slots=True)
class Draft:
    """What one model wrote, as far as it is complete.

    Attributes:
        checker: Checks each sentence.
        sentences: All checked sentences.
        passed: Those that can be passed on: from the first supported one on, with what comes before it.
        refused: The model says that the passages do not answer the question.
        cut: The model's limit of tokens ended it; a sentence that was not finished is left out.
    """

    checker: Checker
    sentences: list[CheckedSentence] = field(default_factory=list)
    passed: list[CheckedSentence] = field(default_factory=list)
    refused: bool = False
    cut: bool = False
    _stream: SentenceStream = field(default_factory=SentenceStream)
    _held: list[CheckedSentence] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Whether a part of it can be passed on."""
        return bool(self.passed)

    @property
    def supported(self) -> int:
        """How many sentences the passages support."""
        return sum(one.supported for one in self.sentences)

    @property
    def flags(self) -> list[Flag]:
        """What the check found."""
        found = [flag for one in self.sentences for flag in one.flags]
        if self.supported and not self._same_language():
            found.append(Flag("language", "the answer is not in the language of the question"))
        if self.cut:
            found.append(
                Flag("truncated", "the model reached its limit of tokens, so the end of the answer is missing")
            )
        return found

    def correctable(self) -> bool:
        """Return whether the model should write it again."""
        if self.refused:
            return False
        return not self.supported or any(flag.kind in CORRECTABLE for flag in self.flags)

    def better_than(self, other: Draft) -> bool:
        """Return whether this draft is the better one of two by the same model."""
        if bool(self.supported) != bool(other.supported):
            return bool(self.supported)
        return (len(self.flags), -self.supported) <= (len(other.flags), -other.supported)

    def feed(self, text: str) -> list[CheckedSentence]:
        """Take more text; return the sentences that can be passed on now."""
        return self._take(list(self._stream.feed(text)))

    def finish(self, *, cut: bool = False) -> list[CheckedSentence]:
        """Return the sentences that are left when the model has finished, or was ``cut`` at its limit of tokens."""
        self.cut, rest = cut, list(self._stream.rest())
        if cut and rest and not is_finished(rest[-1]):
            del rest[-1]
        passed = self._take(rest)
        if not self.supported and not self.begun and any(NO_ANSWER.match(one.text) for one in self.sentences):
            self.refused = True
        return passed

    def restart(self) -> None:
        """Forget what cannot be passed on yet: the model called a tool, so it was not the answer."""
        self._stream, self._held = SentenceStream(), []
        if not self.begun:
            self.sentences = []

    def _take(self, sentences: list[str]) -> list[CheckedSentence]:
        before = len(self.passed)
        for sentence in sentences:
            one = self.checker.check(sentence)
            self.sentences.append(one)
            if NO_ANSWER.fullmatch(one.text):
                continue
            self._held.append(one)
            if self.begun or one.supported:
                self.passed += [held for held in self._held if held.text]
                self._held = []
        return self.passed[before:]

    def _same_language(self) -> bool:
        said = "".join(one.text for one in self.passed)
        return script(self.checker.question) in (script(said), "LATIN")


def problems(draft: Draft) -> str:
    """Return what a model is to correct."""
    lines = []
    for flag in draft.flags:
        match flag.kind:
            case "citation":
                lines.append(f"- {flag.text.strip('[]')} is not the number of a passage: {flag.sentence}")
            case "number":
                lines.append(f"- the number {flag.text} is in no passage that the sentence cites: {flag.sentence}")
            case "unsupported":
                lines.append(f"- no cited passage says this, or the citation is missing: {flag.sentence}")
            case "language":
                lines.append(f"- {flag.text}")
            case "name":
                lines.append(f"- {flag.text} is in no passage that the sentence cites: {flag.sentence}")
    if not lines:
        lines.append("- no sentence cites a passage")
    return "\n".join(lines[:20])
