"""A file changes in one step, or stays as it was and nothing else is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.atomic_files import replacing


@pytest.mark.parametrize("sync", [False, True])
def test_a_new_content_replaces_the_old_one_at_the_end(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with replacing(path, mode=0o640, sync=sync) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"

    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_after_an_error_the_old_one_stays_and_nothing_is_left(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def broken_off() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        broken_off()

    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
