"""A registered model's location means the same in every working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.services.seed import whole_location


def test_a_folder_is_registered_by_its_path_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "e5").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "models")
    whole = str(tmp_path / "models" / "e5")
    monkeypatch.chdir(tmp_path / "models")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert {whole_location(name) for name in ("./e5", "e5", "~/models/e5", f"{tmp_path}/link/e5", whole)} == {whole}


@pytest.mark.parametrize("name", ["", "builtin", "multilingual", "BAAI/bge-m3", "openai:m@http://gpu:8080/v1"])
def test_other_names_are_kept(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert whole_location(name) == name
