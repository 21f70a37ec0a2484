"""Runs first in every interpreter of a stack under test: sets the failpoints, if the environment asks for them."""

from __future__ import annotations

import os
import sys

if os.environ.get("PCW_FAULTS"):
    import failpoint_hook  # type: ignore[import-not-found]  # found next to this file, wherever it is copied

    failpoint_hook.install(os.environ["PCW_FAULTS"], sys.orig_argv)
