"""Copies that one process makes are no leftovers to another, also before they are locked."""

from __future__ import annotations

import fcntl
from contextlib import closing
from pathlib import Path

import pytest

from pc_worker.reader.files.source import Source
from pc_worker.reader.spool import SpoolEntry


def test_a_place_that_is_not_locked_yet_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spool, locked = tmp_path / "table.csv.gz", tmp_path / "spool", fcntl.flock
    path.write_bytes(b"packed")
    spool.mkdir()
    with closing(Source(path)) as ours, closing(Source(path)) as theirs:
        entry, other = SpoolEntry(ours, spool), SpoolEntry(theirs, spool)
        looked: list[None] = []

        def flock(descriptor: int, operation: int) -> None:
            if operation == fcntl.LOCK_EX and not looked:  # another process looks between the open and the lock
                looked.append(None)
                other._remove_leftovers()
            locked(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", flock)

        with entry.new_copies() as place:
            place.copy("unpacked").write_bytes(b"in the making")
            other._remove_leftovers()

            assert looked == [None]
            assert place.copy("unpacked").read_bytes() == b"in the making"
        assert [file.name for file in spool.iterdir()] == [place.copy("unpacked").name]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path, spool = tmp_path / "table.csv.gz", tmp_path / "spool"
    path.write_bytes(b"packed")
    spool.mkdir()
    with closing(Source(path)) as source:
        left = SpoolEntry(source, spool).with_copies("0" * 16)
        for ending in ("lock", "unpacked"):
            left.copy(ending).write_bytes(b"left")

        with SpoolEntry(source, spool).new_copies() as place:
            assert [file.name for file in spool.iterdir()] == [place.copy("lock").name]
