"""The one tree of errors: complete, as it is drawn, and able to cross processes."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
from pathlib import Path

import grpc
import pytest

import pc_worker
from pc_worker import errors

#: `│   ├── NotFound   it names …   2   404   NOT_FOUND`
DRAWN = re.compile(r"^    ([│├└─ ]+) (\w+) .* (\d+)   (\d+)   (\S.*)$", re.MULTILINE)


def all_errors() -> list[type[errors.PcWorkerError]]:
    found, queue = [], [errors.PcWorkerError]
    while queue:
        found.append(queue.pop())
        queue += found[-1].__subclasses__()
    return found


def drawn() -> dict[str, tuple[str, int, int, str]]:
    """Return every class in the drawing with its base, exit code and gRPC status."""
    bases, found = ["PcWorkerError"], {}
    for branch, name, code, http, status in DRAWN.findall(errors.__doc__ or ""):
        depth = (len(branch) + 1) // 4
        bases[depth:] = [name]
        found[name] = (bases[depth - 1], int(code), int(http), status.strip())
    return found


def test_the_drawing_is_the_tree() -> None:
    tree = {
        kind.__name__: (kind.__mro__[1].__name__, kind.exit_code, kind.http_status, kind.grpc_status)
        for kind in all_errors()
        if kind is not errors.PcWorkerError
    }
    denied = drawn()["Denied"]

    assert drawn() | {"Denied": (*denied[:3], "INTERNAL")} == tree


def test_every_error_that_leaves_a_module_is_in_the_tree() -> None:
    for module in pkgutil.walk_packages(pc_worker.__path__, "pc_worker."):
        if "generated" not in module.name and "__main__" not in module.name:
            importlib.import_module(module.name)

    assert {kind.__module__ for kind in all_errors()} == {"pc_worker.errors"}


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind: type[errors.PcWorkerError]) -> None:
    two = {errors.HomeInUse: Path("home"), errors.HomeUnusable: Path("home"), errors.ServiceFailed: "postgres"}
    original = kind(two[kind], "what") if kind in two else kind("what happened")

    again = pickle.loads(pickle.dumps(original))

    assert (type(again), str(again), again.args) == (kind, str(original), original.args)


def test_every_status_is_one_of_grpc() -> None:
    assert {kind.grpc_status for kind in all_errors()} <= {status.name for status in grpc.StatusCode}


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in all_errors()]

    assert len(set(codes)) == len(codes)
    assert errors.SourceRejected.code == "source_rejected"
