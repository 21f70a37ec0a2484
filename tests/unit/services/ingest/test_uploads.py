"""An upload keeps of its name only the endings that say how it is packed and what divides the cells of its table."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.reader import ReadOptions, open_table
from pc_worker.services.ingest import uploads
from pc_worker.services.ingest.uploads import UNKNOWN_S, Upload, purge_uploads


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Notes.CSV", "job.csv"),
        ("a.b.tsv", "job.tsv"),
        ("../x.psv", "job.psv"),
        ("a.CSV.Gz", "job.csv.gz"),
        ("a.tab.zst", "job.tab.zst"),
        ("a.pkl.gz", "job"),
        (".gz", "job"),
        ("", "job"),
    ],
)
def test_the_ending_that_is_kept(name: str, kept: str, tmp_path: Path) -> None:
    with Upload(tmp_path / "job", 1000, lambda _: True) as upload:
        upload.write([b"text\n", b"first words\nother words\n"])

        assert upload.finish(ReadOptions(), name=name) == tmp_path / kept

    assert [path.name for path in tmp_path.iterdir()] == [kept]


@pytest.mark.parametrize(("name", "packed"), [("notes.csv", bytes), ("notes.csv.gz", gzip.compress)])
def test_a_table_of_one_column_is_read_as_the_file_that_was_sent(
    name: str, packed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    with Upload(tmp_path / "job", 1000, lambda _: True) as upload:
        upload.write([packed(b"text\nfirst words\nother words\n")])
        path = upload.finish(ReadOptions(), name=name)

    with open_table(path, spool=tmp_path) as table:
        assert [column.name for column in table.columns] == ["text"]
        assert table.rows == 2


def test_a_file_whose_name_is_no_utf_8_is_removed_as_one_without_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def needs(cursor: object, job_ids: Collection[str]) -> dict[str, bool]:
        asked.extend(job_ids)
        return {"needed": True}

    monkeypatch.setattr(uploads, "source_needs", needs)
    odd, needed = tmp_path / os.fsdecode(b"\xff.csv"), tmp_path / "needed.csv"
    for path in (odd, needed):
        path.touch()
        os.utime(path, (path.stat().st_mtime - 2 * UNKNOWN_S,) * 2)
    services = SimpleNamespace(database=SimpleNamespace(transaction=lambda: nullcontext(None)))

    assert purge_uploads(cast(Any, services), tmp_path) == 1

    assert asked == ["needed"]
    assert list(tmp_path.iterdir()) == [needed]


def test_what_cannot_be_removed_does_not_keep_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "source_needs", lambda cursor, job_ids: {})
    folder, kept, old = tmp_path / "a lost+found", tmp_path / "b kept.csv", tmp_path / "c old.csv"
    folder.mkdir()
    kept.touch()
    old.touch()
    for path in (folder, kept, old):
        os.utime(path, (path.stat().st_mtime - 2 * UNKNOWN_S,) * 2)
    services = SimpleNamespace(database=SimpleNamespace(transaction=lambda: nullcontext(None)))
    unlink = Path.unlink

    def denied(self: Path, missing_ok: bool = False) -> None:
        if self == kept:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", denied)

    assert purge_uploads(cast(Any, services), tmp_path) == 1

    assert sorted(tmp_path.iterdir()) == [folder, kept]
