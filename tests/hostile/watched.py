"""Reads files one by one, each in its own process with little memory, and reports what that did.

    python -m tests.hostile.watched FOLDER SPOOL

For each file of FOLDER a line of JSON: how it ended, how much memory and processor time it took, and every event
that Python's audit hook reported and every module that was loaded meanwhile. The process forks for each file after
all the reader's own libraries are loaded, so that what is loaded later is the file's doing.
"""

from __future__ import annotations

import codecs
import encodings.cp437
import encodings.idna
import encodings.raw_unicode_escape
import encodings.unicode_escape  # noqa: F401 - codecs are loaded on first use, here before any file
import gc
import importlib
import json
import os
import resource
import sys
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pc_worker.reader import Rejected, open_table
from pc_worker.reader.formats.registry import all_formats
from pc_worker.reader.options import ENCODINGS

#: What a file may cost beyond the idle process. Processor time is far above what any file needs on any machine.
MEMORY, SECONDS = 1 << 30, 40
#: Events of the interpreter's own work, which happen without end.
_IDLE = ("sys.", "gc.", "object.", "builtins.id", "array.", "os.scandir", "os.listdir", "code.__new__", "_thread.")
#: What is shown to a tracer of system calls around each file.
MARK = "/reading-begins"


class Watch:
    """Collects the audit events of this process while it is on; hooks cannot be taken away again."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and not event.startswith(_IDLE):
            self.events.append(f"{event} {arguments[0] if arguments else ''}"[:300])


def main(folder: Path, spool: Path) -> None:
    """Read every file in ``folder``; one line for each."""
    _load_lazy_parts()
    gc.collect()
    gc.freeze()  # no collection in a child visits, and thereby copies, what it shares with this process
    for path in sorted(folder.iterdir()):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _in_child(path, spool, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        report = json.loads(told) if told else {"ended": f"killed with status {status}"}
        sys.stdout.write(json.dumps({"file": path.name, **report}) + "\n")
        sys.stdout.flush()


def _load_lazy_parts() -> None:
    """Load now what pandas, Arrow and the time zones load on first use."""
    importlib.import_module("pc_worker.reader.pickle.shapes.arrow_values")
    str(pd.Period("2020-01-05", "W-TUE"))
    zoneinfo.ZoneInfo("Europe/Berlin")
    pa.array(["a"]).to_pylist()
    for known in all_formats():
        known.reader()
    for name in ENCODINGS:
        codecs.lookup(name)


def _in_child(path: Path, spool: Path, writing: int) -> None:
    """Read one file and exit: this function never returns."""
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.write(writing, json.dumps(_report(path, spool)).encode())
    finally:
        os._exit(0)


def _report(path: Path, spool: Path) -> dict[str, Any]:
    loaded, before, watch = set(sys.modules), _peak_bytes(), Watch()
    with _marked(path):
        watch.on = True
        ended = outcome(path, spool)
        watch.on = False
    return {
        "ended": ended,
        "bytes": _peak_bytes() - before,
        "events": watch.events,
        "modules": sorted(set(sys.modules) - loaded),
    }


def outcome(path: Path, spool: Path) -> str:
    """Return how reading all of ``path`` ended: ``refused: …``, ``read``, or the error that escaped."""
    try:
        with open_table(path, spool=spool) as table:
            for start in range(0, min(table.rows, 3000), 300):
                batch = table.read(start, start + 300)
                for number in range(len(batch)):
                    json.dumps(batch.normal_row(number), allow_nan=False)
    except Rejected as error:
        return f"refused: {error}"
    except Exception as error:  # which one escaped is what the test asks
        return f"{type(error).__name__}: {error}"
    return "read"


@contextmanager
def _marked(path: Path) -> Iterator[None]:
    os.path.exists(f"{MARK}/{path.name}")
    yield
    os.path.exists(f"{MARK}/")


def _peak_bytes() -> int:
    """Return the highest memory so far; asking again measures from then on."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            Path("/proc/self/clear_refs").write_text("5")
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell its peak memory")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
