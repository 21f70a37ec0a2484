from __future__ import annotations

import os
from pathlib import Path

from pc_worker.services.ingest.inbox.entries import RejectedEntry
from pc_worker.services.ingest.inbox.scan import list_inbox, shown


def test_what_vanishes_between_two_looks_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "document"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.csv").touch()
    looking = list_inbox(tmp_path, ["document"], lambda _: True)

    first = next(looking)
    (folder / "1.csv").unlink()
    (folder / "2.csv").unlink()
    (folder / "2.csv").mkdir()
    rest = [*looking]

    assert first.path == str(folder / "0.csv")
    assert [(Path(found.path).name, isinstance(found, RejectedEntry)) for found in rest] == [
        ("2.csv", True),
        ("3.csv", False),
    ]


def test_a_domain_that_vanishes_is_told_and_the_next_is_looked_through(tmp_path: Path) -> None:
    for name in ("candidate", "document"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").touch()
    looking = list_inbox(tmp_path, ["candidate", "document"], lambda _: True)

    next(looking)
    (tmp_path / "document" / "a.csv").unlink()
    (tmp_path / "document").rmdir()

    (told,) = looking
    assert isinstance(told, RejectedEntry)
    assert "there is no such file" in told.reason


def test_any_path_can_be_shown() -> None:
    for raw in (b"\xff\x00\n\x1b[31m", "\u202e\ud800".encode("utf-8", "surrogatepass"), bytes(range(256))):
        text = shown(os.fsdecode(raw))
        assert text.isprintable()
        assert text.encode()
    assert shown("\ud800") == "\\xed\\xa0\\x80"
    assert shown("한글 ü.csv") == "한글 ü.csv"
