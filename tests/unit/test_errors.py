"""Errors survive pickling: Celery and process pools carry them between processes."""

from __future__ import annotations

import pickle

import pytest

from pc_worker import errors


def all_errors() -> list[type[errors.PcWorkerError]]:
    found, queue = [], [errors.PcWorkerError]
    while queue:
        found.append(queue.pop())
        queue += found[-1].__subclasses__()
    return [kind for kind in found if kind.__module__ == "pc_worker.errors"]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind: type[errors.PcWorkerError]) -> None:
    again = pickle.loads(pickle.dumps(kind("what happened")))

    assert (type(again), str(again)) == (kind, "what happened")
