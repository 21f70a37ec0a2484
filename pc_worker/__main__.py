"""``python -m pc_worker``: the command line."""

from __future__ import annotations

import sys

from pc_worker.cli import main

if __name__ == "__main__":
    sys.exit(main())
