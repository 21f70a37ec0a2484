"""Hostile files are refused: nothing they name is loaded or run, and none costs much more than its size."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import arrow_misfits, bombs, corpus, damage, misfits
from tests.hostile.watched import MARK, outcome

ROOT = Path(__file__).parents[2]
#: Memory that a file may cost besides its own size and what it unpacks to: a window, a stack, one cell's values.
FREE_BYTES = 400 << 20


def all_cases() -> Iterator[tuple[str, bytes]]:
    """Every hostile file."""
    yield from corpus.cases().items()
    yield from misfits.cases()
    yield from arrow_misfits.cases()
    yield from bombs.cases()
    yield from damage.framed()


CASES = dict(all_cases())


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What reading each file did, by its name."""
    folder = tmp_path_factory.mktemp("hostile") / "files"
    write(folder, CASES)
    done = watch([sys.executable], folder)
    return {report["file"]: report for report in map(json.loads, done.stdout.splitlines())}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Put ``files`` into a new ``folder``, beside an empty spool."""
    folder.mkdir()
    (folder.parent / "spool").mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def watch(python: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Read all of ``folder`` in watched processes."""
    command = [*python, "-m", "tests.hostile.watched", str(folder), str(folder.parent / "spool")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=True)


def test_every_name_is_used_once() -> None:
    assert len(CASES) == len(list(all_cases())) > 300


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_refused(name: str, reports: dict[str, dict[str, Any]]) -> None:
    """Never read, never another error, never the end of the process; in one line."""
    ended = reports[name]["ended"]

    assert ended.startswith("refused: ")
    assert "\n" not in ended


@pytest.mark.parametrize("name", CASES)
def test_the_file_costs_little_memory(name: str, reports: dict[str, dict[str, Any]]) -> None:
    assert reports[name]["bytes"] < FREE_BYTES + 4 * len(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_opened_loaded_or_run(name: str, reports: dict[str, dict[str, Any]]) -> None:
    """But the file itself, the spool and the time zone database."""
    report = reports[name]

    assert [event for event in report["events"] if not is_reading(event)] == []
    assert report["modules"] == []


#: The file by its descriptor, what stands in the test's own folder, and zones; regular files, closed at the end.
READING = re.compile(
    r"(open|os\.(remove|rename|utime)|tempfile\.mkstemp)"
    r" (\d+$|\S*/hostile\d*/(files|spool)/\S+$|\S*/zoneinfo/[\w/+-]+$)"
)


def is_reading(event: str) -> bool:
    """Whether an audit event belongs to reading the file or writing its index."""
    return READING.match(event) is not None


def test_the_watch_would_notice(tmp_path: Path) -> None:
    """The same hook on the same file, read by pickle itself: it runs the command, and the hook hears it."""
    (tmp_path / "file").write_bytes(CASES["reduce-os.system"])
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


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: system calls are NOT watched")
def test_the_system_is_asked_for_nothing_else(tmp_path: Path) -> None:
    """By the kernel's own account: no program, no socket, no file but the one that is read and the spool."""
    folder = tmp_path / "hostile0" / "files"
    folder.parent.mkdir()
    write(folder, {name: data for name, data in CASES.items() if len(data) < 1 << 16})
    calls = "trace=execve,connect,socket,openat,open,unlink,rename,stat,newfstatat,link,symlink,kill,ptrace,mknod"
    log = tmp_path / "calls"

    watch(["strace", "-f", "-qq", "-e", calls, "-o", str(log), sys.executable], folder)

    made = list(between_marks(log))
    assert made
    assert [call for call in made if not is_asked_for_reading(call)] == []


def between_marks(log: Path) -> Iterator[str]:
    """The system calls of each process while it read its file."""
    reading: set[str] = set()
    for line in log.read_text(errors="replace").splitlines():
        process, _, call = line.partition(" ")
        if MARK in call:
            reading.symmetric_difference_update({process})
        elif process in reading:
            yield call.strip()


def is_asked_for_reading(call: str) -> bool:
    """Whether a system call belongs to reading the file or writing its index."""
    own = re.search(r'"[^"]*/hostile\d*/(files|spool)[^"]*"|"[^"]*/zoneinfo(/[\w/+-]*)?"', call)
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
    """How reading each of ``files`` ends; each under a name of its own, as indexes are kept by name."""
    for number, (what, data) in enumerate(files):
        path = folder / f"damaged{number}"
        path.write_bytes(data)
        yield what, outcome(path, folder)
        path.unlink()
