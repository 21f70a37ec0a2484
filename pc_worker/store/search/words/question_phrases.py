"""English phrases that ask for texts and say nothing about their subject, such as "are there any papers on".

Their verbs and nouns are words like others elsewhere ("recycled paper"), so they are left out only within a phrase.
"""

from __future__ import annotations

import re

_TEXTS = r"(?:papers?|articles?|publications?|references?|literature|information|documents?)"
_DEALING = r"deal(?:s|ing)?\s+with|discuss(?:es|ing)?|describ(?:e|es|ing)|relat(?:e|es|ing|ed)\s+to"
_ABOUT = rf"(?:on|about|concerning|regarding|(?:(?:that|which)\s+)?(?:{_DEALING}))"
_STUDIED = r"(?:investigated|studied|examined|considered|published|reported|written|worked\s+on|looked\s+at)"
_I_AM = r"i(?:\s+am|['’]m|\s+would\s+be)"
PHRASES = re.compile(
    "|".join(
        rf"(?<![\w'’.-]){phrase}(?![\w'’-])"
        for phrase in (
            rf"{_I_AM}\s+(?:also\s+)?(?:interested\s+in|(?:pleased|grateful)\s+(?:to\s+receive|for))",
            r"i\s+(?:would\s+like|want|need|wish)(?:\s+to\s+(?:know|find|receive|see|have))?",
            rf"(?:has|have)\s+(?:any|some)(?:one|body)\s+(?:ever\s+)?{_STUDIED}",
            r"what\s+is\s+known\s+(?:about|of|on)",
            r"what\s+(?:work|research)\s+has\s+been\s+(?:done|carried\s+out)\s+(?:on|in|about)",
            rf"(?:any\s+)?{_TEXTS}\s+(?:(?:is|are|exists?|available|published|written)\s+){{0,3}}{_ABOUT}",
            rf"any\s+{_TEXTS}",
            r"tell\s+me\s+(?:about|of)",
            r"(?:give|show)\s+me|(?:list|find)\s+all",
        )
    ),
    re.IGNORECASE,
)


def without_question_phrases(query: str) -> str:
    """Return a query without the phrases that ask for texts; unchanged if no word is left.

    >>> without_question_phrases("Has anyone investigated the flow past cones?").strip()
    'the flow past cones?'
    """
    left = PHRASES.sub(" ", query)
    return left if any(map(str.isalnum, left)) else query
