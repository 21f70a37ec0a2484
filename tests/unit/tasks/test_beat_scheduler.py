"""Beat starts and goes on with any state of its file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import celery
import pytest

from tasks.beat_schedule import Every
from tasks.beat_scheduler import CarefulScheduler


@pytest.fixture
def app() -> celery.Celery:
    app = celery.Celery(set_as_current=False)
    app.conf.beat_schedule = {"reconcile": {"task": "pc_worker.reconcile", "schedule": Every(30)}}
    return app


def scheduler(app: celery.Celery, folder: Path) -> CarefulScheduler:
    return CarefulScheduler(app=app, schedule_filename=str(folder / "schedule"))


def names(made: CarefulScheduler) -> list[str]:
    return [name for name in made.schedule if name == "reconcile"]


def all_files(folder: Path, change: Callable[[bytes], bytes]) -> None:
    for path in folder.iterdir():
        path.write_bytes(change(path.read_bytes()))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "all empty": lambda folder: all_files(folder, lambda _: b""),
    "data empty": lambda folder: emptied(folder / "schedule.dat"),
    "data removed": lambda folder: (folder / "schedule.dat").unlink(),
    "index removed": lambda folder: (folder / "schedule.dir").unlink(),
    "halves": lambda folder: all_files(folder, lambda content: content[: len(content) // 2]),
    "zeros": lambda folder: all_files(folder, lambda content: bytes(len(content))),
    "other bytes": lambda folder: all_files(folder, lambda content: b"\xff" * len(content)),
    "an unknown class": lambda folder: all_files(folder, lambda content: content.replace(b"beat", b"bead")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_replaced(app: celery.Celery, tmp_path: Path, damage: str) -> None:
    with patch("shelve.open", dumb_shelf):
        scheduler(app, tmp_path).close()
        DAMAGE[damage](tmp_path)

        begun = scheduler(app, tmp_path)

        assert names(begun) == ["reconcile"]
        begun.close()
        again = scheduler(app, tmp_path)
        assert names(again) == ["reconcile"]
        again.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the store's own end
def test_files_that_are_removed_or_not_writable_do_not_stop_it(app: celery.Celery, tmp_path: Path) -> None:
    with patch("shelve.open", dumb_shelf):
        running = scheduler(app, tmp_path)
        for path in tmp_path.iterdir():
            path.unlink()
        tmp_path.rmdir()

        for _ in range(3):
            running.schedule["reconcile"].total_run_count += 1
            running.sync()

        assert names(running) == ["reconcile"]
        assert running.schedule["reconcile"].total_run_count == 3
        assert running.schedule["reconcile"].schedule.run_every == timedelta(seconds=30)
        running.close()


def dumb_shelf(filename: str, *, writeback: bool) -> object:
    """Open a shelf of the kind that every Python has: other kinds hide some damage."""
    import dbm.dumb
    import shelve

    return shelve.Shelf(dbm.dumb.open(filename), writeback=writeback)  # type: ignore[arg-type]
