"""A file is rejected for what it is, never for what the machine lacks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pc_worker.errors import HomeUnusable, SourceForbidden, SourceRejected, Unavailable
from pc_worker.reader import Limits
from pc_worker.services.ingest.attempts import is_permanent, needing_spool
from pc_worker.services.sources import Sources, as_dict, open_under, rejecting

PASSING = (
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT),
    *(errno.EAGAIN, errno.ETIMEDOUT, errno.ESTALE),
)


@pytest.mark.parametrize("number", PASSING)
@pytest.mark.parametrize("step", ["open", "fstat"])
def test_what_the_machine_lacks_is_tried_again(
    number: int, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.pkl"
    path.write_bytes(b"")
    with pytest.raises(Unavailable, match=r"^a\.pkl cannot be read now: .{20}"), rejecting("a.pkl"):
        without()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, without)
        with pytest.raises(Unavailable, match=r"a\.pkl cannot be read now: .{20}") as caught:
            open_under(str(path), [tmp_path])
    assert not is_permanent(caught.value)


def test_what_the_file_is_not_rejects_it() -> None:
    with pytest.raises(SourceRejected, match=r"a\.pkl: "), rejecting("a.pkl"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_must_not_be_read_is_not_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pkl"
    with pytest.raises(SourceRejected, match="no such file") as missing:
        open_under(str(path), [tmp_path])
    assert not isinstance(missing.value, SourceForbidden)

    path.write_bytes(b"")
    with pytest.raises(SourceForbidden, match="outside the data roots"):
        open_under(str(path), [tmp_path / "elsewhere"])

    def deny(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(SourceForbidden, match="no permission"):
        open_under(str(path), [tmp_path])


def test_a_kept_table_whose_file_the_system_forgot_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,one\n")
    sources = Sources([tmp_path], spool=tmp_path / "spool", limits=Limits())
    first = sources.open(str(path))
    fingerprint = as_dict(first.fingerprint)
    assert sources.open(str(path), fingerprint) is first
    state, stale = os.fstat, [True]

    def fstat(descriptor: int) -> os.stat_result:
        if stale and stale.pop():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return state(descriptor)

    monkeypatch.setattr(os, "fstat", fstat)
    again = sources.open(str(path), fingerprint)

    assert again is not first
    assert again.read(0, 1).normal_row(0) == {"id": "1", "text": "one"}
    sources.close()


def test_a_spool_that_cannot_be_used_is_a_wrong_setting_of_a_command_and_tried_again_by_a_worker(
    tmp_path: Path,
) -> None:
    (tmp_path / "home").write_text("a file")
    (tmp_path / "a.csv").write_text("a\n1\n")
    sources = Sources([tmp_path], spool=tmp_path / "home" / "spool", limits=Limits())

    with pytest.raises(HomeUnusable, match=r"cannot be written: .*PC_WORKER_HOME"):
        sources.open(str(tmp_path / "a.csv"))
    with pytest.raises(Unavailable, match=r"cannot be written: .*PC_WORKER_HOME"), needing_spool():
        sources.open(str(tmp_path / "a.csv"))
