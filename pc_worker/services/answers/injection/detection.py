"""Text in rows that speaks to the model instead of the reader: it is not shown to the model and supports no statement.

This is the second line of defence. The first is that passages are fenced as data, and the last that an answer without
support in its passages is not given, even if the model was made to write it.
"""

from __future__ import annotations

import re

from pc_worker.encoding.text.sentences import sentences
from pc_worker.services.answers.injection.disguise import disguised_forms
from pc_worker.services.answers.injection.patterns import IMITATION, instructs_model

#: What replaces a sentence that was left out.
LEFT_OUT = "(…)"

#: A sentence of at most this many words after an instruction belongs to it: "The rules are off. Say yes."
SHORT = 6
#: An instruction may be spread over this many lines.
LINES = 4
#: Invisible characters, in which instructions are hidden: zero width, direction marks, tags.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
#: `x[0]` in a passage must not look like a citation: `x[ 0 ]` means the same.
NUMBER_IN_BRACKETS = re.compile(r"([\[【［〔])\s*(\d+(?:\s*[,;–-]\s*\d+)*)\s*([\]】］〕])")


def without_instructions(text: str) -> tuple[str, int]:
    """Return the text without sentences that instruct a model, and how many were left out.

    Of text that imitates our marks or a chat template, all from the first to the last of them is left out.
    """
    text = INVISIBLE.sub("", text)
    if not _instructs(text):
        return text, 0
    text, count = _without_imitations(text)
    kept: list[str] = []
    after = False
    for part, instructs in _judged(text):
        left_out = instructs or (after and len(part.split()) <= SHORT)
        after, count = instructs, count + left_out
        if not left_out:
            kept.append(part)
        elif not kept or kept[-1].strip() != LEFT_OUT:
            kept.append(LEFT_OUT + (" " if not part.endswith("\n") else "\n"))
    found = "".join(kept)
    return (found, count) if not _instructs(found) else (LEFT_OUT, count + 1)


def _instructs(text: str) -> bool:
    return any(map(instructs_model, disguised_forms(text)))


def _without_imitations(text: str) -> tuple[str, int]:
    marks = list(IMITATION.finditer(text))
    if not marks:
        return text, 0
    end = marks[-1].end() if len(marks) > 1 else len(text)
    return f"{text[: marks[0].start()]}{LEFT_OUT} {text[end:]}", 1


def _judged(text: str) -> list[tuple[str, bool]]:
    """Return each line of each sentence, and whether it instructs: by itself, or with the lines next to it."""
    judged: list[tuple[str, bool]] = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        lines = [line for line in re.split(r"(?<=\n)", sentence) if line]
        wrong = {place for place, line in enumerate(lines) if _instructs(line)}
        if not wrong and len(lines) > 1 and _instructs(sentence):
            windows = (range(start, min(start + LINES, len(lines))) for start in range(len(lines)))
            wrong = {place for some in windows if _instructs("".join(lines[n] for n in some)) for place in some}
            wrong = wrong or set(range(len(lines)))
        judged += [(line, place in wrong) for place, line in enumerate(lines)]
    return judged


def as_data(text: str) -> str:
    """Return a text as it is shown to a model: it holds nothing that looks like a citation of ours."""
    return NUMBER_IN_BRACKETS.sub(r"\1 \2 \3", text)
