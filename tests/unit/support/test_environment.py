"""The environment of the commands that tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.settings import PROJECT
from tests.support.stack import environment


@pytest.mark.parametrize(("others", "expected"), [("", ""), (f"{PROJECT}", ""), (f"{PROJECT}:/other", ":/other")])
def test_this_code_is_named_once(others: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are forked from one process that has imported them only where no other code is to run."""
    monkeypatch.setenv("PYTHONPATH", others)

    assert environment(Path("/home"))["PYTHONPATH"] == f"{PROJECT}{expected}"
