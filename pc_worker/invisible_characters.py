"""Characters that a reader does not see, that act on what shows them, or that cannot be stored."""

from __future__ import annotations

import re

#: Characters that control a terminal or reverse text; bytes that are not UTF-8 come as surrogates.
UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: NUL and lone surrogates, which neither PostgreSQL nor protobuf accepts.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def as_storable(text: str) -> str:
    r"""Return ``text`` with escapes instead of what cannot be stored.

    >>> print(as_storable("a\x00b\ud800"))
    a\x00b\ud800
    """
    return UNSTORABLE.sub(lambda match: ascii(match.group())[1:-1], text)
