"""Ending a process whose threads may be in native code."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn


def end_now(code: int) -> NoReturn:
    """End the process with ``code`` as soon as all output is flushed.

    A normal exit finalises the interpreter; a thread in native code, such as one that loads a model, then fails: C++
    ends the process with "terminate called without an active exception". So the interpreter is not finalised.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
