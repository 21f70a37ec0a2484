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

#: Commands that run until they are stopped, and then exit with 0, also during their start.
COMPONENTS = ("up", "worker", "beat", "gateway", "http", "flower")

collect_rarely()
connect_directly()
# None is ours, and looking for them reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _terminate(number: int, _frame: FrameType | None) -> None:
    """End as at Ctrl-C: what was started is stopped, with the exit code that a shell shows for the signal."""
    sys.exit(128 + number)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


#: What ends a command that ends by itself, by signal: the handlers of others, and ignored signals, stay as they are.
ENDINGS = {
    signal.SIGINT: (signal.default_int_handler, signal.default_int_handler),
    signal.SIGTERM: (signal.SIG_DFL, _terminate),
}


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    # Before the imports, which take a second; each component sets its own handlers once it runs.
    component = bool(sys.argv[1:2]) and sys.argv[1] in COMPONENTS
    if component:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
    watched = [] if component else [one for one, (usual, _) in ENDINGS.items() if signal.getsignal(one) is usual]
    # An import leaves nothing to clean up, and its traceback is of no use.
    for number in watched:
        signal.signal(number, _leave)
    end_statements_at((signal.default_int_handler, _end, _terminate))

    from pc_worker.cli import main as run

    for number in watched:
        signal.signal(number, ENDINGS[number][1])
    code = run()
    for number in watched:  # all is done, and written: what the end of the interpreter waits for is not needed
        signal.signal(number, lambda *_: os._exit(code))
    gc.freeze()  # it looks for no garbage either, which would take longer than to free everything
    return code


if __name__ == "__main__":
    sys.exit(main())
