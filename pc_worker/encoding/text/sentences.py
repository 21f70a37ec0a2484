"""Sentence boundaries, in several scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pc_worker.encoding.protocol import Span

# Closing quotes and brackets belong to the sentence that they close.
CLOSING = r"[\"'”’»)\]}」』）】〉》]*"
# A full stop is not an end before a lower-case letter ("approx. five"), or after an abbreviation or an
# initial ("Dr. Kim", "J. Smith"). A single line break is not one: texts have wrapped lines.
SENTENCE_END = re.compile(
    rf"[。！？｡︒।؟۔]+{CLOSING}\s*"
    rf"|[!?…]+{CLOSING}(?:\s+|$)"
    r"|(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bNo)(?<!\bvs)(?<!\bProf)(?<!\b[A-Z])"
    rf"\.+{CLOSING}(?:\s++(?![a-z])|$)"
    r"|\n[^\S\n]*\n\s*"
)


def sentences(text: str) -> Iterator[Span]:
    """Yield the sentences of ``text``, trailing white space included, so that they cover it.

    >>> text = "안녕하세요. 반갑습니다! 3.14"
    >>> [text[sentence.start : sentence.end] for sentence in sentences(text)]
    ['안녕하세요. ', '반갑습니다! ', '3.14']
    """
    start = 0
    for end in SENTENCE_END.finditer(text):
        yield Span(start, end.end())
        start = end.end()
    if start < len(text):
        yield Span(start, len(text))
