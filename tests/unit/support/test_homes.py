"""Databases of tests in memory: they go when their server has stopped, or else when the session ends."""

from __future__ import annotations

from pathlib import Path

from tests.homes import keep_database_in_memory, remove_places_below, remove_stopped_databases


def test_a_running_server_keeps_its_data_and_a_stopped_one_loses_it(tmp_path: Path) -> None:
    homes = [tmp_path / name / "home" for name in ("runs", "stopped", "kept on disk")]
    (homes[2] / "postgres").mkdir(parents=True)
    for home in homes:
        keep_database_in_memory(home)
    places = [(home / "postgres").resolve() for home in homes]
    (places[0] / "data").mkdir(exist_ok=True)
    (places[0] / "data" / "postmaster.pid").touch()
    assert places[2] == homes[2] / "postgres"

    remove_stopped_databases()
    left = [place.exists() for place in places]
    remove_places_below(tmp_path)

    assert left[0]
    assert left[2]
    assert not (homes[0] / "postgres").is_symlink() or not places[0].exists()
    assert not (homes[1] / "postgres").is_symlink() or not left[1]
