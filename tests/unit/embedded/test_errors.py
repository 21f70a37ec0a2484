"""Errors cross process boundaries and read as one sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pc_worker.errors import HomeInUse, HomeUnusable, PcWorkerError, ServiceFailed

ERRORS = [
    HomeInUse(Path("/h"), "process 7"),
    HomeUnusable(Path("/h"), "belongs to user root: run as root"),
    ServiceFailed("postgres", "no space left on device"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_sentence(error: PcWorkerError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy), copy.args) == (type(error), str(error), error.args)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_one_line(error: PcWorkerError) -> None:
    assert "\n" not in str(error)
