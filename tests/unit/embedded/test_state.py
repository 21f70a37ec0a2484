"""What a home remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.embedded.home.state import ServerState, new_state, read_state, write_state
from pc_worker.errors import HomeUnusable


def test_a_new_home_remembers_nothing(tmp_path: Path) -> None:
    assert read_state(tmp_path) == {}


def test_what_was_written_is_read_back_from_a_private_file(tmp_path: Path) -> None:
    state = {"postgres": ServerState(password="p", port=5432), "redis": new_state()}

    write_state(tmp_path, state)

    assert read_state(tmp_path) == state
    assert (tmp_path / "embedded.json").stat().st_mode & 0o777 == 0o600


def test_passwords_differ_and_stay_out_of_the_repr() -> None:
    first, second = new_state(), new_state()

    assert first.password != second.password
    assert first.password not in repr(first)


@pytest.mark.parametrize("content", ["{", "[]", '{"postgres": 1}', '{"postgres": {"passwort": "x"}}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "embedded.json").write_text(content)

    with pytest.raises(HomeUnusable, match=r"holds a damaged embedded\.json: delete that file"):
        read_state(tmp_path)
