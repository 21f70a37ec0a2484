"""Characters that a reader does not see, and that act on what shows them."""

from __future__ import annotations

import re

#: Characters that control a terminal or reverse text; bytes that are not UTF-8 come as surrogates.
UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
