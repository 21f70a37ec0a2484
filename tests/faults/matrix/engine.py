"""An engine over HTTP that is away, or whose replies are wrong, while its domain is ingested."""

from __future__ import annotations

import json
import time

import numpy as np

from tests.faults.drill import Drill, Fault
from tests.faults.rig import ENDED
from tests.support.engine import BROKEN, WRONG, Failure, StandInEngine, stand_in_engine, vector_of
from tests.support.waiting import eventually

DOMAIN = "document"
KINDS: tuple[str | Failure, ...] = ("away", Failure(503), Failure(500), *WRONG, *BROKEN, "cut")
TEXTS_A_JOB = 120
STORED = """
SELECT r.text, e.vector::text
FROM rows r JOIN embeddings e USING (domain, row_id) JOIN domains d USING (domain, model_id)
WHERE r.domain = %(domain)s AND r.source = %(source)s
"""


def misbehaving(drill: Drill) -> None:
    """Answer requests wrongly, in all known ways one after another, while the engine's rows are ingested."""
    with stand_in_engine() as engine:
        switched = drill.rig.stack.run("models", "switch", "--domain", DOMAIN, "--model", engine.written)
        drill.expect(switched.code == 0, f"the engine is not the domain's model: {switched.err}")
        while drill.injected < drill.times:
            _job(drill, engine)
        for step in ("backfill", "switch"):  # the engine ends with this drill, and later drills use the domain
            done = drill.rig.stack.run("models", step, "--domain", DOMAIN, "--model", "builtin")
            drill.expect(done.code == 0, f"{step} to the built-in model: {done.err}")


def _job(drill: Drill, engine: StandInEngine) -> None:
    rig = drill.rig
    name = f"engine-{drill.injected}"
    texts = [f"{name} text {number} on drills" for number in range(TEXTS_A_JOB)]
    path = rig.folder / "sources" / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"id": text, "text": text}) + "\n" for text in texts))
    kinds = [KINDS[number % len(KINDS)] for number in range(drill.injected, min(drill.times, drill.injected + 4))]
    engine.script.extend(kinds)
    began = time.monotonic()
    job = rig.stack.run("ingest", str(path), "--domain", DOMAIN, "--source", name, "--json").json()["job_id"]

    def state() -> str:
        return str(rig.query("SELECT state FROM jobs WHERE job_id = %(j)s", {"j": job})[0][0])

    eventually(lambda: state() in ENDED, within_s=120, what="the end of the job")
    drill.injected += len(kinds) - len(engine.script)
    drill.settled_s.append(time.monotonic() - began)
    drill.expect(state() == "completed", f"job {job} is {state()}")
    stored = rig.query(STORED, {"domain": DOMAIN, "source": name})
    drill.expect(not engine.script, "the job ended before every wrong reply was given")
    engine.script.clear()
    wrong = [text for text, raw in stored if not np.allclose(json.loads(raw), vector_of(text), atol=1e-6)]
    drill.expect(len(stored) == TEXTS_A_JOB and not wrong, f"{len(stored)} vectors, {len(wrong)} of them wrong")


FAULTS = (
    Fault(
        name="engine-wrong",
        matrix="14",
        what="an engine over HTTP away, or with wrong replies",
        times=28,
        run=misbehaving,
    ),
)
