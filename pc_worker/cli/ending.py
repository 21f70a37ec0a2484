"""Ending a process whose threads may be in native code."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn


def end_now(code: int) -> NoReturn:
    """End at once with ``code``, once everything written is out.

    A thread in native code, as one that loads a model, does not bear the interpreter being taken apart around it: C++
    ends the process with "terminate called without an active exception" then. So it is not taken apart.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
