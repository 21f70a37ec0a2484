"""Decodes a file in its own process, whose memory is bounded: a decoder that gets no memory may end its process."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from pc_worker.reader.errors import Rejected
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.base import Opening
from pc_worker.reader.formats.memory import bounded_memory, most_memory
from pc_worker.reader.limits import Limits
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.spool import SpoolEntry

#: Isolated, and with the paths of this process: what it imports is what this process would.
_START = (
    "import json, sys; task = json.loads(sys.argv[1]); sys.path[:] = task['sys_path']; "
    "from pc_worker.reader.formats.separate_process import main; main(task)"
)
_DIE_WITH_PARENT = 1


@dataclass(frozen=True, slots=True)
class Task:
    """What is decoded by what: by the function ``batches`` of a module, a number of rows at a time."""

    module: str
    container: str
    rows: int


def copy_apart(opening: Opening, task: Task, file: IO[bytes]) -> None:
    """Write the batches of a file to ``file``.

    Raises:
        MemoryError: If it takes more memory than it may.
        Rejected: If it is damaged or over a limit.
        OSError: If the file cannot be read, or the spool not written.
    """
    source, content, target = opening.source.descriptor, opening.content.descriptor, file.fileno()
    told = {
        "sys_path": sys.path, "path": opening.source.path, "most": most_memory(opening.content), **asdict(task),
        "source": source, "content": content, "target": target, "limits": asdict(opening.limits),
    }  # fmt: skip
    command = [sys.executable, "-I", "-S", "-c", _START, json.dumps(told)]
    done = subprocess.run(
        command, pass_fds=(source, content, target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"memory": True}
    if report.get("memory"):
        raise MemoryError
    if refused := report.get("refused"):
        raise Rejected(**refused)
    if code := report.get("errno"):
        raise OSError(code, os.strerror(code), opening.source.path)


def main(task: dict[str, Any]) -> None:
    """Do what ``copy_apart`` wants, and report on standard output."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    sys.stdout.write(json.dumps(_outcome(task)))
    sys.stdout.flush()
    os._exit(0)  # a decoder without memory may have threads that do not end


def _outcome(task: dict[str, Any]) -> dict[str, Any]:
    from pc_worker.reader.formats.arrow_copy import write_batches  # pyarrow is large; the parent does without here

    source, content = Source(task["path"], task["source"]), Source(task["path"], task["content"])
    opening = Opening(
        source=source,
        content=content,
        place=SpoolEntry(source, Path()),
        limits=Limits(**task["limits"]),
        options=ReadOptions(),
        name="",
    )
    batches = importlib.import_module(task["module"]).batches
    try:
        with bounded_memory(task["most"]), os.fdopen(task["target"], "wb") as file:
            write_batches(batches(opening, task["rows"]), file, opening, task["container"])
    except Rejected as error:
        fields = ("kind", "reason", "offset", "column", "row")
        return {"refused": {name: getattr(error, name) for name in fields}}
    except MemoryError:
        return {"memory": True}
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    return {}
