"""A model hub whose downloads are cut, altered, refused or redirected: a model is there whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pc_worker.encoding import identify_model
from pc_worker.encoding.models.pulled import pulled_models
from pc_worker.encoding.models.pulling import pull_model
from pc_worker.errors import PcWorkerError
from pc_worker.retry import RetryPolicy
from tests.faults.drill import Drill, Fault
from tests.support.hub import TOKEN, Hub, Repository, files_of, serving_hub
from tests.unit.encoding.models import write_model

NAME = "some-org/small-model"
QUICK = RetryPolicy(attempts=3, first_s=0.01, longest_s=0.02)
STAYS = 100
#: Where the requests are spoiled: the description of the model, its small files, its weights.
WEIGHTS = "weights"
PLACES = ("GET /api/", "GET /some-org", WEIGHTS)
WRONGS = ("500", "404", "slow down", "cut", "garbled", "longer", "elsewhere")


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests for one place are answered wrongly, once or for as long as the download is tried."""

    place: str
    wrong: str
    stays: bool


KINDS = tuple(Kind(place, wrong, stays) for place in PLACES for wrong in WRONGS for stays in (True, False))


def misbehaving(drill: Drill) -> None:
    """Pull a model from a hub that is wrong in one way; then from the same hub without a fault."""
    folder = drill.rig.folder / "hub"
    original = write_model(folder / "original", dense=(8, 6))
    revision = identify_model(str(original)).revision
    while drill.injected < drill.times:
        kind = KINDS[drill.injected % len(KINDS)]
        with serving_hub() as hub, _configured(hub):
            hub.repositories[NAME] = Repository()
            hub.repositories[NAME].add(files_of(original))
            began = time.monotonic()
            _pulled(drill, hub, kind, folder / str(drill.injected), revision)
            drill.settled_s.append(time.monotonic() - began)
            drill.expect(not hub.wrong, f"{kind}: the client did what it should not: {hub.wrong[:1]}")
        drill.injected += 1


@contextmanager
def _configured(hub: Hub) -> Iterator[None]:
    """Point the hub's client to this hub, with a token."""
    ours = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1,localhost"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _pulled(drill: Drill, hub: Hub, kind: Kind, cache: Path, revision: str) -> None:
    for place in _weights(hub) if kind.place == WEIGHTS else [kind.place]:
        hub.faults[place] = [kind.wrong] * (STAYS if kind.stays else 1)
    why = _error(cache)
    if why:
        drill.expect(pulled_models(cache) == [], f"{kind}: a part of the model is taken for the model")
        drill.expect(len(why.splitlines()) == 1 and TOKEN not in why, f"{kind}: the error is {why!r}")
    drill.expect(bool(why) or not kind.stays, f"{kind}: the model was pulled")
    hub.faults.clear()
    again = _error(cache)
    drill.expect(not again, f"{kind}: without the fault the model cannot be pulled: {again}")
    found = identify_model(NAME, cache=cache).revision if not again else ""
    drill.expect(found == revision, f"{kind}: the pulled model is another one")


def _weights(hub: Hub) -> Iterator[str]:
    for name, content in next(iter(hub.repositories[NAME].commits.values())).items():
        if name.endswith(".safetensors"):
            yield f"GET /{hashlib.sha256(content).hexdigest()}"


def _error(cache: Path) -> str:
    try:
        pull_model(NAME, cache=cache, retries=QUICK)
    except PcWorkerError as exc:
        return str(exc)
    return ""


FAULTS = (
    Fault(
        name="hub-wrong",
        matrix="28",
        what="a model hub that cuts, alters, refuses or redirects downloads",
        times=len(KINDS),
        run=misbehaving,
    ),
)
