"""One process loads a model once, however many threads ask for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

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
