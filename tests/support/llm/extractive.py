"""A fake model that answers from the passages it was sent: it copies the sentences nearest to the question."""

from __future__ import annotations

import re

from pc_worker.services.answers.checks.check import content_terms
from tests.support.llm.talk import Asked, Said

PASSAGE = re.compile(r"<passage-(?P<mark>\w+)>\n\[(?P<number>\d+)\]\s*(?P<text>.*?)\n</passage-(?P=mark)>", re.DOTALL)
QUESTION = re.compile(r"<question-(?P<mark>\w+)>\n(?P<text>.*?)\n</question-(?P=mark)>", re.DOTALL)
SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")


def passages_of(asked: Asked) -> list[tuple[int, str]]:
    whole = "\n".join([asked.prompt, *asked.results])
    return [(int(found["number"]), found["text"]) for found in PASSAGE.finditer(whole)]


def question_of(asked: Asked) -> str:
    found = list(QUESTION.finditer(asked.prompt))
    return found[-1]["text"] if found else asked.prompt


def extractive(asked: Asked, *, sentences: int = 1) -> Said:
    """Return the sentences that share most words with the question, each with its passage; else NO_ANSWER."""
    wanted = content_terms(question_of(asked))
    scored = [
        (len(wanted & content_terms(sentence)) - place / 1000, number, sentence.strip())
        for place, (number, text) in enumerate(passages_of(asked))
        for sentence in SENTENCE.split(text)
        if len(content_terms(sentence)) >= 3
    ]
    best = sorted(scored, key=lambda one: -one[0])[:sentences]
    chosen = [(number, sentence) for score, number, sentence in best if score >= 0.5 and wanted]
    if not chosen:
        return Said(text="NO_ANSWER")
    return Said(text=" ".join(f"{sentence.rstrip('.。 ')} [{number}]." for number, sentence in chosen))
