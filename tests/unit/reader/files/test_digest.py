"""The digest of a file: which algorithm, over which bytes, and how often they are read."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3

from pc_worker.reader import Fingerprint, Rejected, open_table
from pc_worker.reader.files.digest import ThreadedHash, algorithm_of
from pc_worker.reader.files.source import Source

FRAME = pd.DataFrame({"text": [f"t{n}" for n in range(4000)], "number": np.arange(4000), "real": np.ones(4000)})


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pickle.dumps(FRAME), id="number blocks are passed over"),
        pytest.param(pickle.dumps(FRAME.astype(object).to_dict("records")), id="all is walked"),
        pytest.param(pickle.dumps(FRAME, 0), id="protocol 0"),
        pytest.param(gzip.compress(pickle.dumps(FRAME)), id="packed"),
        pytest.param(b"a,b\n1,2\n", id="text"),
    ],
)
def test_the_fingerprint_is_of_the_whole_file_and_names_its_algorithm(data: bytes, tmp_path: Path) -> None:
    with open_table(written(tmp_path, data), spool=tmp_path) as table:
        assert table.fingerprint.digest == f"blake3:{blake3(data).hexdigest()}"


def test_a_pass_reads_each_byte_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, pickle.dumps([{"n": n, "text": f"t{n}" * 20} for n in range(40_000)]))
    read: list[int] = []
    plain = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        read.append(length)
        return plain(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    source = Source(path)

    source.begin_digest()
    for start in range(0, source.size, 1 << 20):
        source.read(start, min(1 << 20, source.size - start))
    digest = source.end_digest()

    assert (digest, sum(read)) == (source.digest(), source.size)


def test_bytes_that_are_read_again_or_passed_over_count_once(tmp_path: Path) -> None:
    source = Source(written(tmp_path, bytes(range(256)) * 64))

    source.begin_digest()
    for start, length in ((0, 100), (50, 100), (10, 20), (9000, 1), (8000, 2000), (100, 5)):
        source.read(start, length)

    assert source.end_digest() == source.digest()


def test_a_large_file_is_hashed_by_a_thread_that_ends_with_the_pass(tmp_path: Path) -> None:
    data = pickle.dumps(pd.DataFrame({"a": ["x" * 70_000 + str(number) for number in range(400)]}))

    with open_table(written(tmp_path, data), spool=tmp_path) as table:
        assert table.fingerprint.digest == f"blake3:{blake3(data).hexdigest()}"

    assert "file digest" not in {thread.name for thread in threading.enumerate()}


def test_no_thread_is_left_of_a_large_file_that_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(["x" * 70_000 + str(number) for number in range(400)])[:-1])

    with pytest.raises(Rejected):
        open_table(path, spool=tmp_path)

    assert "file digest" not in {thread.name for thread in threading.enumerate()}


def test_what_fails_in_the_thread_is_raised_where_the_digest_is_asked_for() -> None:
    digest = ThreadedHash()
    for piece in (b"1", "no bytes", b"2", b"3", b"4", b"5", b"6"):
        digest.update(piece)  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        digest.text()


def test_a_fingerprint_of_the_version_before_is_recognised(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(FRAME))
    with open_table(path, spool=tmp_path) as table:
        old = replace(table.fingerprint, digest=hashlib.sha256(path.read_bytes()).hexdigest())

        assert table.is_of(table.fingerprint)
        assert table.is_of(old)
        assert not table.is_of(replace(old, digest="0" * 64))
        assert not table.is_of(replace(old, size=old.size + 1))
        assert not table.is_of(Fingerprint(old.size, old.mtime_ns, "md9:00"))


@pytest.mark.parametrize(("digest", "algorithm"), [("blake3:00", "blake3"), ("00" * 32, "sha256"), ("md9:00", None)])
def test_a_digest_names_its_algorithm(digest: str, algorithm: str | None) -> None:
    assert algorithm_of(digest) == algorithm
