"""Hostile files are refused: nothing they name is loaded or run, and none costs much more than its size."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pc_worker.reader.files.source import Source
from pc_worker.reader.spool import SpoolEntry
from tests.hostile import corpus, damage
from tests.hostile.damaged_formats import DECODED_APART
from tests.hostile.families import DAMAGED, REFUSED, damaged_files, refused_files
from tests.hostile.watched import MARK, outcome

ROOT = Path(__file__).parents[2]
#: Memory that a file may cost besides its own size and what it unpacks to: a window, a stack, one cell's values.
FREE_BYTES = 400 << 20


#: With ``--seccomp-bpf`` only the calls that are asked for stop the process.
CALLS = "execve,connect,socket,openat,open,unlink,rename,stat,newfstatat,link,symlink,kill,ptrace,mknod"
STRACE = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}"]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the only run that reads every file, with ``reports`` and, if available, ``calls``."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "files").mkdir()
    (folder / "spool").mkdir()
    for name, data in chain(refused_files(), damaged_files()):
        (folder / "files" / name).write_bytes(data)
    tracer = [*STRACE, "-o", str(folder / "calls")] if can_trace() else []
    watched = [sys.executable, "-m", "tests.hostile.watched", str(folder / "files"), str(folder / "spool")]
    done = subprocess.run([*tracer, *watched], cwd=ROOT, capture_output=True, text=True, timeout=280, check=True)
    (folder / "reports").write_text(done.stdout)
    return folder


@cache
def can_trace() -> bool:
    """Return whether system calls can be watched here."""
    try:
        return subprocess.run([*STRACE, "-o", os.devnull, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def reports(run: Path) -> dict[str, dict[str, Any]]:
    """Return what reading each file did, by its name."""
    return {report["file"]: report for report in map(json.loads, (run / "reports").read_text().splitlines())}


def test_every_name_is_used_once(reports: dict[str, dict[str, Any]]) -> None:
    assert len(set(REFUSED)) == len(REFUSED) > 425
    assert set(reports) == set(REFUSED) | set(DAMAGED)


@pytest.mark.parametrize("name", REFUSED)
def test_the_file_is_refused_and_costs_and_touches_nothing(
    name: str, run: Path, reports: dict[str, dict[str, Any]]
) -> None:
    """In one line, never read, never another error, never the end of the process; nothing is opened, loaded or run."""
    report = reports[name]

    assert report["ended"].startswith("refused: ")
    assert "\n" not in report["ended"]
    assert len(report["ended"]) < 400
    assert report["bytes"] < FREE_BYTES + 4 * (run / "files" / name).stat().st_size
    assert [event for event in report["events"] if not is_reading(event)] == []
    assert report["modules"] == []


def test_a_refused_file_leaves_no_index_and_runs_nothing(run: Path) -> None:
    left = []
    for name in REFUSED:
        with closing(Source(run / "files" / name)) as source:
            left += [name] if SpoolEntry(source, run / "spool").index.exists() else []

    assert left == []
    assert not (ROOT / corpus.CANARY).exists()


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_or_another_table(name: str, reports: dict[str, dict[str, Any]]) -> None:
    report = reports[name]

    assert is_answer(report["ended"])
    assert report["bytes"] < FREE_BYTES
    apart = APART if any(decoded in name for decoded in DECODED_APART) else ()
    assert [event for event in report["events"] if not is_reading(event) and event not in apart] == []
    assert report["modules"] == []


#: The file by its descriptor, the test's own folder, and zones; regular files, closed at the end. The lock on
#: unfinished copies, and the limit on memory for decoding.
READING = re.compile(
    r"fcntl\.flock \d+$|open /proc/self/statm$|resource\.setrlimit \d+$"
    r"|(open|os\.(remove|rename|utime)|tempfile\.mkstemp)"
    r" (\d+$|\S*/hostile\d*/(files|spool)/\S+$|\S*/zoneinfo/[\w/+-]+$)"
)


#: ORC is decoded by our own interpreter in a separate process.
APART = ("open /dev/null", f"subprocess.Popen {sys.executable}")


def is_reading(event: str) -> bool:
    """Return whether an audit event belongs to reading the file or writing its index."""
    return READING.match(event) is not None


def test_the_watch_would_notice(tmp_path: Path) -> None:
    """The same hook on the same file, read by pickle itself: it runs the command, and the hook hears it."""
    (tmp_path / "file").write_bytes(corpus.cases()["reduce-os.system"])
    program = (
        "import pickle, sys; from tests.hostile.watched import Watch; watch = Watch(); watch.on = True;"
        "pickle.load(open(sys.argv[1], 'rb')); watch.on = False; print(watch.events)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "file")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "os.system" in done.stdout
    assert (tmp_path / corpus.CANARY).exists()


@pytest.mark.skipif(not can_trace(), reason="strace does not work here: system calls are NOT watched")
def test_the_system_is_asked_for_nothing_else(run: Path) -> None:
    """By the kernel's own account: no program, no socket, no file but the one that is read and the spool."""
    made = dict(between_marks(run / "calls"))

    assert set(made) == set(REFUSED) | set(DAMAGED)
    assert {name: calls for name in REFUSED if (calls := [c for c in made[name] if not is_asked_for_reading(c)])} == {}


def between_marks(log: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the system calls of each process while it read its file, by the file's name."""
    reading: dict[str, list[str]] = {}
    for line in log.read_text(errors="replace").splitlines():
        process, _, call = line.partition(" ")
        if found := re.search(rf'"{MARK}/([^"]*)"', call):
            if name := found[1]:
                reading[process] = []
                yield name, reading[process]
            else:
                del reading[process]
        elif process in reading:
            reading[process].append(call.strip())


def is_asked_for_reading(call: str) -> bool:
    """Return whether a system call belongs to reading the file or writing its index."""
    own = re.search(r'"[^"]*/hostile\d*/(files|spool)[^"]*"|"/proc/self/statm"|"[^"]*/zoneinfo(/[\w/+-]*)?"', call)
    asks = call.startswith(("stat(", "newfstatat("))
    return own is not None or asks or call.startswith(("+++", "---", "<..."))


@pytest.mark.parametrize(("name", "data"), damage.good_files().items(), ids=list(damage.good_files()))
def test_a_file_cut_anywhere_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    """At every opcode and one byte after it; nothing of a cut file is read."""
    read = {what: ended for what, ended in endings(damage.cut(data), tmp_path) if not ended.startswith("refused: ")}

    assert read == {}


@pytest.mark.parametrize(("name", "data"), damage.good_files().items(), ids=list(damage.good_files()))
def test_a_file_with_a_turned_bit_is_refused_or_another_table(name: str, data: bytes, tmp_path: Path) -> None:
    """A turned bit may make another sound table; it never makes another error."""
    step = max(1, len(data) * 8 // 700)
    other = {what: ended for what, ended in endings(damage.turned(data, step), tmp_path) if not is_answer(ended)}

    assert other == {}


def is_answer(ended: str) -> bool:
    return ended == "read" or ended.startswith("refused: ")


def endings(files: Iterator[tuple[str, bytes]], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield how reading each of ``files`` ends; each under a name of its own, as indexes are kept by name."""
    for number, (what, data) in enumerate(files):
        path = folder / f"damaged{number}"
        path.write_bytes(data)
        yield what, outcome(path, folder)
        path.unlink()
