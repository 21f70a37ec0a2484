"""Where the database's folder lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pc_worker.embedded.home.account import Account
from pc_worker.embedded.home.placement import place_for
from pc_worker.errors import ServiceFailed
from tests.homes import temporary_home

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs its server as somebody else")
NOBODY = Account(65534, 65534)


def test_a_users_own_server_stays_in_the_home(tmp_path: Path) -> None:
    assert place_for(tmp_path, None) == tmp_path / "postgres"
    assert (tmp_path / "postgres").is_dir()


@ROOT_ONLY
def test_an_unreachable_home_links_to_a_folder_outside_and_is_not_loosened(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    place = place_for(tmp_path, NOBODY)

    try:
        assert place.parent == Path("/var/lib/pc_worker")
        assert (tmp_path / "postgres").readlink() == place
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert place_for(tmp_path, NOBODY) == place
    finally:
        place.rmdir()


@ROOT_ONLY
def test_a_home_that_became_unreachable_takes_its_data_outside(tmp_path: Path) -> None:
    (place_for(tmp_path, None) / "data").mkdir()
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18")

    place = place_for(tmp_path, NOBODY)

    try:
        assert (tmp_path / "postgres").readlink() == place
        assert (place / "data" / "PG_VERSION").read_text() == "18"
        assert (place / "data" / "PG_VERSION").stat().st_uid == NOBODY.uid
        assert sorted(os.listdir(tmp_path)) == ["postgres"]
    finally:
        (place / "data" / "PG_VERSION").unlink()
        (place / "data").rmdir()
        place.rmdir()


def test_a_move_cut_short_is_finished(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "postgres.moved").symlink_to(tmp_path / "outside")
    (tmp_path / "postgres.retired" / "data").mkdir(parents=True)

    assert place_for(tmp_path, None) == tmp_path / "outside"
    assert not (tmp_path / "postgres.retired").exists()


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").symlink_to("/nonexistent")

    with pytest.raises(ServiceFailed, match="which is gone: restore it, or delete the link"):
        place_for(tmp_path, None)


@ROOT_ONLY
def test_a_link_to_another_users_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "postgres").symlink_to(tmp_path / "theirs")

    with pytest.raises(ServiceFailed, match="another user's"):
        place_for(tmp_path, None)


@ROOT_ONLY
def test_no_reachable_place_at_all_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(ServiceFailed, match="user nobody can reach neither"):
        place_for(tmp_path, NOBODY, outside=(f"{tmp_path}/a/", f"{tmp_path}/b-"))


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def passable() -> Iterator[Path]:
    """Yield a folder that every account can pass, as /var/lib is, with a home in it that only its owner can."""
    with temporary_home() as folder:
        folder.chmod(0o755)
        (folder / "home").mkdir(mode=0o700)
        yield folder


@ROOT_ONLY
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
@pytest.mark.parametrize("left", [None, 0o700, 0o750])
def test_the_folder_is_in_the_first_place_under_every_umask(passable: Path, mask: int, left: int | None) -> None:
    outside = (f"{passable}/lib/", f"{passable}/temporary-")
    if left is not None:
        (passable / "lib").mkdir(mode=left)

    with umask(mask), capture_logs() as logs:
        place = place_for(passable / "home", NOBODY, outside=outside)

    assert place.parent == passable / "lib"
    assert NOBODY.may_search(place)
    assert logs == []


@ROOT_ONLY
def test_a_folder_that_the_system_may_delete_is_chosen_with_a_warning(passable: Path) -> None:
    (passable / "lib").mkdir()
    os.chown(passable / "lib", 65534, 65534)
    (passable / "lib").chmod(0o600)
    before = passable.stat().st_mode

    with capture_logs() as logs:
        place = place_for(passable / "home", NOBODY, outside=(f"{passable}/lib/", f"{passable}/temporary-"))

    assert place.name.startswith("temporary-")
    assert [line["event"] for line in logs] == ["database_in_temporary_folder"]
    assert passable.stat().st_mode == before
    assert (passable / "lib").stat().st_mode & 0o777 == 0o600
