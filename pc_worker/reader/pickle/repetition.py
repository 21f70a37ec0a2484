"""The possessive repetition of regular expressions, where Python has a sound one."""

from __future__ import annotations

import sys

#: Written after a repetition of which no pass is undone. Before 3.11.5, Python leaves one at a wrong place when its
#: last pass fails within an alternative (python/cpython#106052). There it is an ordinary repetition: the patterns of
#: this package match the same, but more slowly, because each pass is remembered.
POSSESSIVE = b"+" if sys.version_info >= (3, 11, 5) else b""
