"""The tokens of a line of speech, for every model alike: by the built-in tokenizer, and by an estimate."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pc_worker.encoding.text.token_estimate import SPECIAL, estimated_tokens

if TYPE_CHECKING:  # commands that join no rows do not load the tokenizer
    from pc_worker.encoding.text.tokens import Tokens

#: The lines of a group are counted with each chunk that changes it.
LINES_KEPT = 32_768


@lru_cache(LINES_KEPT)
def line_tokens(line: str) -> int:
    """Return the tokens of a line, without special ones; those of several lines add up.

    The built-in tokenizer decides unless the estimate is higher: to it, a word in a script that it does not know is one
    token.

    >>> line_tokens("Agreed: 4,800 euros."), line_tokens("네, 좋습니다.")
    (7, 9)
    """
    (counted,) = _built_in().count([line])
    return max(counted, estimated_tokens(line)) - SPECIAL


@cache
def _built_in() -> Tokens:
    from pc_worker.encoding.models.finding import find_model
    from pc_worker.encoding.text.tokens import load_tokens

    return load_tokens(find_model(""))
