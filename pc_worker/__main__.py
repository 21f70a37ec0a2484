"""``python -m pc_worker`` and the command ``pc-worker``: the command line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

from pc_worker.ending_signals import end_statements_at
from pc_worker.garbage_collection import collect_rarely
from pc_worker.no_proxy import connect_directly

#: The exit code of a command that Ctrl-C ended.
INTERRUPTED = 130
#: Commands that run until they are stopped, and then exit with 0, also during their start.
COMPONENTS = ("up", "worker", "beat", "gateway", "http", "flower")

collect_rarely()
connect_directly()
# None is ours, and looking for them reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    # Before the imports, which take a second; each component sets its own handlers once it runs.
    component = bool(sys.argv[1:2]) and sys.argv[1] in COMPONENTS
    if component:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
    # An import leaves nothing to clean up, and its traceback is of no use. An ignored signal stays ignored.
    watched = not component and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if watched:
        signal.signal(signal.SIGINT, _leave)
    end_statements_at((signal.default_int_handler, _end))

    from pc_worker.cli import main as run

    if watched:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = run()
    if watched:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: the end of the interpreter takes no time
    gc.freeze()  # it looks for no garbage either, which would take longer than to free everything
    return code


if __name__ == "__main__":
    sys.exit(main())
