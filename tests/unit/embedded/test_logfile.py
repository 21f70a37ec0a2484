"""Logs of children: bounded, private, and useful."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from pc_worker.embedded.processes.logfile import LogFile, relevant_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("starting\nready\n", "ready", id="no complaint: the last line"),
        pytest.param("FATAL:  no memory\nshut down\n\n", "FATAL:  no memory", id="a complaint outweighs a farewell"),
        pytest.param("ERROR: a\nERROR: b\nbye", "ERROR: b", id="the last complaint"),
        pytest.param(
            "FATAL: write failed: No space left on device\nPANIC: it was already committed",
            "FATAL: write failed: No space left on device",
            id="what the system refused outweighs what follows from it",
        ),
        pytest.param(
            "2026-11-21 08:35:36.795 UTC [21426] FATAL:  it broke", "FATAL:  it broke", id="without PostgreSQL's prefix"
        ),
        pytest.param(
            "8303:M 21 Nov 2026 08:03:43.329 # Bad file format", "Bad file format", id="without Valkey's prefix"
        ),
        pytest.param(" \n", "it printed nothing", id="nothing at all"),
    ],
)
def test_the_relevant_line_is_the_last_complaint_or_the_last_line(text: str, line: str) -> None:
    assert relevant_line(text) == line


def test_recent_begins_with_the_present_child(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "part.log")
    with log.open() as file:
        file.write(b"first child\n")

    with log.open() as file:
        file.write(b"second child\n")

    assert log.recent() == "second child\n"


def test_a_log_is_for_its_owner_only(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log")
    log.open().close()

    assert log.path.stat().st_mode & 0o777 == 0o600


def test_an_overlong_log_moves_aside_under_a_child_that_goes_on_writing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log", max_bytes=10)
    with log.open() as file:
        file.write(b"0123456789 too long\n")
        log.trim()
        file.write(b"more\n")

    assert log.path.read_bytes() == b"more\n"
    assert log.path.with_name("part.log.1").read_bytes() == b"0123456789 too long\n"
    assert log.recent() == "more\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param(b"0123456789", b"0123456789", id="it stays"),
        pytest.param(b"0123456789 far too long", b"", id="but it does not grow for ever"),
    ],
)
def test_a_log_that_cannot_move_aside_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, left: bytes
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", refuse)
    log = LogFile(tmp_path / "part.log", max_bytes=8)
    log.path.write_bytes(text)

    log.trim()
    log.open().close()

    assert log.path.read_bytes() == left


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log")
    log.trim()

    assert log.recent() == ""
