"""Any end of a command is one line and an exit code, also with unusual streams, folders and names."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest

from pc_worker.cli import edge, main
from pc_worker.errors import SourceRejected


def raising(exc: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise exc

    return work


@pytest.mark.parametrize(
    ("exc", "code", "line"),
    [
        (SourceRejected("f\x1b[31m: bad\nline"), 65, "error: f\\x1b[31m: bad line"),
        (click.UsageError("no '\udcff'"), 2, "error: no '\\xff'"),
        (SourceRejected("at redis://u:p@ss@h:1 it is"), 65, "error: at redis://***@h:1 it is"),
        (SourceRejected("x" * 9_999), 65, "error: " + "x" * 5_000 + " …"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_what_ends_a_command(exc: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.run(raising(exc)) == code
    assert capsys.readouterr().err.removesuffix("\n") == line


@pytest.mark.parametrize("exc", [ZeroDivisionError("by\nzero"), RecursionError(), MemoryError("postgresql://u:p@h/d")])
def test_what_nobody_foresaw_is_one_line_and_a_kept_traceback(
    exc: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))

    assert edge.run(raising(exc)) == 1

    (line,) = capsys.readouterr().err.splitlines()
    log = tmp_path / "logs" / "errors.log"
    assert line.startswith(f"error: unexpected: {type(exc).__name__}")
    assert str(log) in line
    assert "raise exc" in log.read_text()
    assert "u:p@" not in log.read_text() + line
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_no_unexpected_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))

    assert edge.run(raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))) == 1

    assert capsys.readouterr().err == (
        f"error: No space left on device: free some space where the output and {tmp_path} are, and run it again\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_kept_tracebacks_do_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))
    log = tmp_path / "logs" / "errors.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (edge.LOG_BYTES + 1))

    edge.run(raising(ZeroDivisionError()))

    assert log.stat().st_size < 10_000


def run_in(folder: Path, script: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``$PCW`` is the command line."""
    pcw = f'"{sys.executable}" -m pc_worker'
    environment = os.environ | {"PC_WORKER_HOME": str(folder / "home")} | more
    script = script.replace("$PCW", pcw)
    return subprocess.run(
        ["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("script", "code", "error"),
    [
        ("$PCW --help >&-", 0, ""),
        ("$PCW --help 2>&- <&-", 0, ""),
        ("$PCW jobs >&- 2>&-", 69, ""),
        ("$PCW --help >/dev/full", 1, "No space left on device"),
        ("$PCW --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("$PCW jobs 2>/dev/full", 69, ""),
        ("mkdir gone; cd gone; rmdir ../gone; $PCW rows ../a.csv", 2, "the working directory cannot be used"),
        ("mkdir gone; cd gone; rmdir ../gone; $PCW doctor", 1, ""),
        ("touch home; $PCW rows a.csv", 2, "set PC_WORKER_HOME"),
        ("PC_WORKER_HOME=/proc/home $PCW rows a.csv", 2, "set PC_WORKER_HOME"),
        ("PC_WORKER_HOME='~nobody-here/x' $PCW jobs", 2, "PC_WORKER_HOME: "),
        (
            "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 $PCW inspect $'caf\\xe9.csv'",  # ASCII streams
            65,
            "caf\\xe9.csv: there is no such file",
        ),
        ("PYTHONIOENCODING=ascii $PCW inspect 가", 65, "/가: there is no such file"),
        ("$PCW rows $'\\x1b[31m.csv'", 65, "\\x1b[31m.csv: there is no such file"),
        ("$PCW ingest $'\\xff.csv' --domain document", 65, "\\xff.csv: its name is not UTF-8"),
        ("$PCW status $'\\xff'", 2, "'\\xff' is not UTF-8 text"),
    ],
)
def test_odd_surroundings(script: str, code: int, error: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")

    done = run_in(tmp_path, script)

    assert done.returncode == code, done.stderr
    assert error in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert len(done.stderr.splitlines()) == bool(error)


#: A command that says three things about its work, which ends with 65.
TALKING = """
import sys
from pc_worker.cli import edge
def work():
    for number in range(3):
        print("word", number, file=sys.stderr, flush=True)
    print("all is said")
    return 65
sys.exit(edge.run(work))
"""


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [
        (["-m", "pc_worker", "jobs"], 69, ""),
        (["-m", "pc_worker", "rows", "none.csv"], 65, ""),
        (["-c", TALKING], 65, "all is said\n"),
        (["-u", "-c", TALKING], 65, "all is said\n"),
    ],
)
def test_diagnostics_without_a_reader_change_no_outcome(
    arguments: list[str], code: int, out: str, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PC_WORKER_HOME": str(tmp_path), "PC_WORKER_DATA_ROOTS": str(tmp_path)}
    try:
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=writing, text=True
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stdout) == (code, out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "a", "--domain", "document", "-k", "３"], "from 1 to 100, not '３'"),
        (["search", "a", "--domain", "document", "-k", str(10**30)], "from 1 to 100, not 1000"),
        (["search", "a\0", "--domain", "document"], "not UTF-8 text"),
        (["search", "a", "--domain", "document", "--where", "year>=٣"], "a number or an ISO 8601 date"),
        (["ingest", "a", "--domain", "document", "--max-dead", str(2**63)], "from 0 to 9223372036854775807"),
        (
            ["ingest", "a", "--domain", "document", "--source", ""],
            "text of 1 to 600 bytes in UTF-8 without NUL and unpaired surrogates",
        ),
        (["ingest", "a", "--domain", "document", "--source", "가" * 201], "text of 1 to 600 bytes in UTF-8"),
        (["ingest", "a", "--domain", "document", "--id-column", "x" * 1001], "at most 1,000 characters"),
        (["ingest", "a", "--domain", "document", "--text-column", "x", "--text-column", "x"], "a name twice"),
        (["stream", "--domain", "document", "--after", str(2**63)], "a position is 0 to"),
        (["stream", "--domain", "document", "--chunk-size", str(2**31)], "range"),
        (["index", "tune", "--recall", "nan"], "not a finite number"),
        (["rows", ""], "no file name"),
        (["jobs", "--json\x1b[2J"], "\\x1b[2J"),
        (["serch", "a"], "there is no command 'serch': did you mean search?"),
        (["\x1b[2J"], "`pc-worker --help` lists them"),
    ],
)
def test_odd_words_are_refused_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert "\x1b" not in line


class Clogged(io.StringIO):
    """An output that takes nothing more."""

    def __init__(self, exc: OSError) -> None:
        super().__init__()
        self._exc = exc

    def write(self, text: str) -> int:
        """Raise the error of the output."""
        raise self._exc


@pytest.mark.parametrize(
    ("exc", "code"), [(BrokenPipeError(errno.EPIPE, "Broken pipe"), 0), (OSError(errno.EFBIG, "File too large"), 1)]
)
def test_an_output_that_fails_is_not_the_files_fault(
    exc: OSError, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", str(tmp_path))
    monkeypatch.setattr(sys, "stdout", Clogged(exc))

    assert main(["rows", str(tmp_path / "a.csv")]) == code

    assert "a.csv" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["stream", "--domain", "document"], 69, "start it with `up`"),
        (["health"], 69, "start it with `up`"),
        (["stream", "--domain", "document", "--address", "localhost"], 2, "is not HOST:PORT"),
        (["stream", "--domain", "document", "--address", "127.0.0.1:65536"], 2, "is not HOST:PORT"),
    ],
)
def test_what_to_do_when_no_gateway_answers(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))
    monkeypatch.setenv("PC_WORKER_GATEWAY_ADDRESS", "127.0.0.1:1")

    assert main(arguments) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
