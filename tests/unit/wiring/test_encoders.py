"""One process loads a model once, however many threads ask for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pc_worker.errors import ContractBroken, ModelUnavailable
from pc_worker.model import Model
from pc_worker.settings import Settings
from pc_worker.wiring.encoders import Encoders

MODEL = Model(model_id=1, name="m", revision="r", dimension=4, normalised=True, encodable=True, location="m")
OTHER = Model(model_id=2, name="o", revision="r", dimension=4, normalised=True, encodable=True, location="o")


class SlowEncoders(Encoders):
    """Loads models that end their loading when a test says so."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.loads: list[str] = []
        self.may_end = threading.Event()

    def _load_local(self, name: str, revision: str) -> Any:
        self.loads.append(name)
        if name == "m":
            assert self.may_end.wait(20)
        return SimpleNamespace(identity=SimpleNamespace(revision="r", dimension=4))


def test_threads_that_need_a_model_at_once_load_it_once_and_delay_no_other_model() -> None:
    encoders = SlowEncoders()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(encoders, MODEL) for _ in range(8)]
        while not encoders.loads:
            pass
        assert encoders(OTHER) is encoders(OTHER)
        encoders.may_end.set()
        assert len({id(one.result(20)) for one in waiting}) == 1
    assert encoders.loads == ["m", "o"]


class FolderEncoders(Encoders):
    """Loads models from folders that exist; the file `revision` in one is the model's."""

    def _load_local(self, name: str, revision: str) -> Any:
        file = Path(name) / "revision"
        if not file.exists():
            raise ModelUnavailable(f"{name} is not here")
        return SimpleNamespace(identity=SimpleNamespace(revision=file.read_text(), dimension=4), place=name)


def test_a_model_is_loaded_from_the_first_of_its_locations_that_has_it_on_this_machine(tmp_path: Path) -> None:
    for name, revision in (("other", "r2"), ("here", "r")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "revision").write_text(revision)
    gone, other, here = (str(tmp_path / name) for name in ("gone", "other", "here"))
    encoders = FolderEncoders(Settings())

    loaded: Any = encoders(replace(MODEL, location=gone, former_locations=["./m", other, here]))

    assert loaded.place == here
    with pytest.raises(ModelUnavailable, match=r"gone is not here"):
        encoders(replace(MODEL, location=gone))
    with pytest.raises(ContractBroken, match=r"here is r2, the domain's is r"):
        encoders(replace(MODEL, location=other, former_locations=[gone]))
