"""A file is rejected for what it is, never for what the machine lacks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.services.sources import open_under, rejecting


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC])
def test_what_the_machine_lacks_is_tried_again(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with pytest.raises(Unavailable, match=r"^a\.pkl cannot be read now: .{20}"), rejecting("a.pkl"):
        without()
    monkeypatch.setattr(os, "open", without)
    with pytest.raises(OSError, match=os.strerror(number)):
        open_under(str(tmp_path / "a.pkl"), [tmp_path])


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_what_the_file_is_not_rejects_it(number: int) -> None:
    with pytest.raises(SourceRejected, match=r"a\.pkl: "), rejecting("a.pkl"):
        raise OSError(number, os.strerror(number))
