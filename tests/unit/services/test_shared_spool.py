"""Sharing of indexes saves work: it neither fails a job nor keeps what another version wrote."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pc_worker.reader import index_path, open_table
from pc_worker.reader.index import sidecar
from pc_worker.services import shared_spool
from pc_worker.services.shared_spool import SharedSpool


class KeptIndexes:
    """Indexes in memory, for all machines; the first that is kept under a name stays."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def keep(self, path: Path) -> None:
        self.files.setdefault(path.name, path.read_bytes())

    def forget(self, name: str) -> None:
        self.files.pop(name, None)

    def fetch(self, path: Path) -> bool:
        if path.name in self.files:
            path.write_bytes(self.files[path.name])
        return path.name in self.files


class KeptCopies:
    """Copies in memory, for all machines."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, path: Path) -> str:
        self.files[path.name] = path.read_bytes()
        return path.name

    def fetch(self, digest: str, path: Path, *, mtime_ns: int) -> bool:
        path.write_bytes(self.files[digest])
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return True


SOURCES = {"rows.csv": "id,text\n1,a\n2,b\n", "rows.jsonl": '{"id": 1}\n{"id": 2}\n'}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a file with copies in the spool, and one without."""
    path = tmp_path / str(request.param)
    path.write_text(SOURCES[path.name])
    return path


def indexed(source: Path, spool: Path) -> Path:
    """Return the index of a source, made in a spool."""
    spool.mkdir(exist_ok=True)
    open_table(source, spool=spool).close()
    return index_path(source, spool=spool)


def elsewhere(index: Path, spool: Path) -> Path:
    """Return where another machine looks for an index."""
    spool.mkdir(exist_ok=True)
    return spool / index.name


def test_what_another_version_shared_is_replaced(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptIndexes()
    shared = SharedSpool(kept, KeptCopies())
    with monkeypatch.context() as former:
        former.setattr(sidecar, "VERSION", sidecar.VERSION - 1)
        shared.keep(indexed(source, tmp_path / "former"), with_copies=True)
    assert kept.files
    now = indexed(source, tmp_path / "now")

    assert not shared.fetch(elsewhere(now, tmp_path / "first"))
    shared.keep(now, with_copies=True)

    assert shared.fetch(elsewhere(now, tmp_path / "second"))
    assert (tmp_path / "second" / now.name).read_bytes() == now.read_bytes()


def test_an_index_of_another_version_in_the_own_spool_does_not_count(source: Path, tmp_path: Path) -> None:
    kept = KeptIndexes()
    shared = SharedSpool(kept, KeptCopies())
    now = indexed(source, tmp_path / "now")
    shared.keep(now, with_copies=True)
    own = elsewhere(now, tmp_path / "own")
    own.write_bytes(b"of another version")

    assert shared.fetch(own)
    assert own.read_bytes() == now.read_bytes()


def test_a_bundle_in_another_form_is_replaced(tmp_path: Path) -> None:
    kept = KeptIndexes()
    shared = SharedSpool(kept, KeptCopies())
    (tmp_path / "rows.csv").write_text(SOURCES["rows.csv"])
    now = indexed(tmp_path / "rows.csv", tmp_path / "now")
    shared.keep(now, with_copies=True)
    (bundle,) = [name for name in kept.files if name.endswith(".bundle")]
    kept.files[bundle] = b'[{"strange": 1}]\n'

    assert not shared.fetch(elsewhere(now, tmp_path / "other"))
    assert bundle not in kept.files


@contextmanager
def full(*_: Any) -> Iterator[Any]:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")
    yield


def test_a_full_disk_prevents_the_sharing_only(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptIndexes()
    index = indexed(source, tmp_path / "spool")
    monkeypatch.setattr(shared_spool, "replacing", full)
    monkeypatch.setattr(kept, "keep", lambda path: full().__enter__())

    SharedSpool(kept, KeptCopies()).keep(index, with_copies=True)

    assert not list(index.parent.glob("*.bundle"))


def test_an_index_that_is_gone_is_not_shared(source: Path, tmp_path: Path) -> None:
    kept = KeptIndexes()
    index = indexed(source, tmp_path / "spool")
    shutil.rmtree(index.parent)

    SharedSpool(kept, KeptCopies()).keep(index, with_copies=True)

    assert not kept.files


def test_a_full_disk_prevents_the_fetching_of_copies_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptIndexes()
    (tmp_path / "rows.csv").write_text(SOURCES["rows.csv"])
    index = indexed(tmp_path / "rows.csv", tmp_path / "spool")
    shared = SharedSpool(kept, KeptCopies())
    shared.keep(index, with_copies=True)
    assert kept.files
    monkeypatch.setattr(shared_spool, "replacing", full)

    assert not shared.fetch(elsewhere(index, tmp_path / "other"))
