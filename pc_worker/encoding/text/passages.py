"""A long text as overlapping passages that each fit the model's window."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pc_worker.encoding.protocol import Span
from pc_worker.encoding.text.sentences import sentences

# A sentence longer than a passage is cut into segments of at most a quarter of one, so that
# passages made of them are at least three quarters full.
SEGMENTS_PER_PASSAGE = 4
# Characters that are tokenized at once, also of a long text without a sentence end.
CHARACTERS_AT_ONCE = 2048
# How far from the middle a better place to cut is searched for.
REACH = 200  # characters

BREAKS = (re.compile(r"\n"), re.compile(r"[,;:、，；：]\s*"), re.compile(r"\s"))
# Marks, variation selectors, skin tones and joiners stay with the character before them.
ATTACHED = re.compile(r"[\u0300-\u036f\u3099\u309a\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]|(?<=\u200d).")

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Segment:
    """A span that is not cut further, and its length in tokens."""

    span: Span
    tokens: int


def split_passages(text: str, *, count: Count, max_tokens: int, overlap_tokens: int) -> list[Span]:
    """Cut ``text`` into spans of at most ``max_tokens`` tokens, at sentence ends if possible.

    Args:
        text: Of any length.
        count: Returns the number of tokens of each text, without special ones.
        max_tokens: Maximum tokens of a passage, without special ones.
        overlap_tokens: Maximum tokens of a passage's end that the next one repeats, in whole sentences.

    Returns:
        Spans in order, without white space at their ends; only white space is outside them.
    """
    fine = max(1, max_tokens // SEGMENTS_PER_PASSAGE)
    segments = [segment for span in sentences(text) for segment in _segments(text, span, count, max_tokens, fine)]
    budget = max_tokens
    while True:
        spans = [_stripped(text, span) for span in _packed(segments, budget=budget, overlap=overlap_tokens)]
        spans = [span for span in spans if span.start < span.end]
        excess = max(count([text[span.start : span.end] for span in spans]), default=0) - max_tokens
        if excess <= 0 or budget == 0:
            return spans
        # Some tokenizers need more tokens for a whole than for its segments.
        budget = max(0, budget - excess)


def _packed(segments: Sequence[Segment], *, budget: int, overlap: int) -> Iterator[Span]:
    held: list[Segment] = []
    for segment in segments:
        if held and _tokens(held) + segment.tokens > budget:
            yield Span(held[0].span.start, held[-1].span.end)
            held = _tail(held, min(overlap, budget - segment.tokens))
        held.append(segment)
    if held:
        yield Span(held[0].span.start, held[-1].span.end)


def _tail(segments: Sequence[Segment], room: int) -> list[Segment]:
    """Return the last of ``segments`` that together have at most ``room`` tokens."""
    start = len(segments)
    while start and _tokens(segments[start - 1 :]) <= room:
        start -= 1
    return list(segments[start:])


def _tokens(segments: Sequence[Segment]) -> int:
    return sum(segment.tokens for segment in segments)


def _segments(text: str, span: Span, count: Count, limit: int, fine: int) -> Iterator[Segment]:
    """Yield ``span`` itself if it has at most ``limit`` tokens, else parts of at most ``fine``."""
    length = span.end - span.start
    if length <= CHARACTERS_AT_ONCE:
        (tokens,) = count([text[span.start : span.end]])
        if tokens <= limit or length == 1:
            yield Segment(span, tokens)
            return
    middle = _middle(text, span)
    for half in (Span(span.start, middle), Span(middle, span.end)):
        yield from _segments(text, half, count, fine, fine)


def _middle(text: str, span: Span) -> int:
    """Return the best place to cut near the middle: a line's end, a clause's, a word's, else anywhere."""
    centre = (span.start + span.end) // 2
    reach = min(REACH, (span.end - span.start) // 4)
    for kind in BREAKS:
        if places := [found.end() for found in kind.finditer(text, centre - reach, centre + reach)]:
            return min(places, key=lambda place: abs(place - centre))
    while centre < span.end - 1 and ATTACHED.match(text, centre):
        centre += 1
    return centre


def _stripped(text: str, span: Span) -> Span:
    segment = text[span.start : span.end]
    start = span.start + len(segment) - len(segment.lstrip())
    return Span(start, max(start, span.start + len(segment.rstrip())))
