"""The sentences of an answer as it is written: each with the citations that follow it, code blocks whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pc_worker.encoding.text.sentences import sentences

FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
#: What begins like this belongs to the sentence before.
CITED = re.compile(r"\s*(?:[\[【［〔][\d,;\s–-]*(?:[\]】］〕][ \t]*|$)|[.。](?:\s|$)|$)")
LINES = re.compile(r"(?<=\n)")
#: The end of a sentence: its sign, what closes with it, its citations.
END = re.compile(r"(?:\n|[.!?…。！？][\"'”’»)*_]*(?:\s*[\[【［〔][\d,;\s–-]+[\]】］〕][.。]?)*\s*)\Z")
#: A citation that is not at its end.
OPENED = re.compile(r"[\[【［〔][\d,;\s–-]*\Z")
#: A text without a sentence end is passed on in parts of about this size.
LONGEST = 1_200


class SentenceStream:
    """Cuts text that comes in parts into sentences; all of them joined are the text."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> Iterator[str]:
        """Take more text and yield the sentences that are now complete."""
        self._held += text
        while True:
            parts = _parts(self._held)
            if len(parts) < 2 or (CITED.fullmatch(parts[-1]) and len(parts) < 3):
                break
            yield parts[0]
            self._held = self._held[len(parts[0]) :]
        if len(self._held) > LONGEST and "```" not in self._held:
            cut = self._held.rfind(" ", 0, LONGEST) + 1 or LONGEST
            opened = OPENED.search(self._held, 0, cut)
            cut = (opened.start() if opened else 0) or cut
            yield self._held[:cut]
            self._held = self._held[cut:]

    def rest(self) -> Iterator[str]:
        """Yield the sentences that are left at the end of the text."""
        yield from _parts(self._held)
        self._held = ""


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a whole text.

    >>> split_sentences("It is so. [1] It is not [2]. Yes.")
    ['It is so. [1] ', 'It is not [2]. ', 'Yes.']
    """
    return _parts(text)


def is_finished(sentence: str) -> bool:
    r"""Return whether a text ends as a sentence, a line or a block of code does.

    >>> [is_finished(text) for text in ("It is so. [1]", "It is so [1].", "- so [1]\n", "It is so [1", "```\nx.")]
    [True, True, True, False, False]
    """
    return END.search(sentence) is not None and len(FENCE.findall(sentence)) % 2 == 0


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for block in _blocks(text):
        pieces = [block] if FENCE.match(block) else list(_sentences(block))
        for piece in pieces:
            found = CITED.match(piece) if parts and not parts[-1].endswith("\n") else None
            if found is None or not found.group().strip():
                _append(parts, piece)
                continue
            parts[-1] += found.group()
            rest = piece[found.end() :]
            if rest:
                _append(parts, rest) if rest.strip() else parts.__setitem__(-1, parts[-1] + rest)
    return parts


def _append(parts: list[str], piece: str) -> None:
    if parts and not piece.strip():
        parts[-1] += piece
    elif piece:
        parts.append(piece)


def _blocks(text: str) -> Iterator[str]:
    """Yield blocks of code with their fences, and the text between them."""
    start, fences = 0, [found.start() for found in FENCE.finditer(text)]
    for opening, closing in zip(fences[::2], [*fences[1::2], None], strict=False):
        if opening > start:
            yield text[start:opening]
        end = len(text) if closing is None else text.find("\n", closing) + 1 or len(text)
        yield text[opening:end]
        start = end
    if start < len(text):
        yield text[start:]


def _sentences(text: str) -> Iterator[str]:
    for span in sentences(text):
        yield from (line for line in LINES.split(text[span.start : span.end]) if line)
