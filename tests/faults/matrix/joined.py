"""Workers that are killed while they join rows into passages."""

from __future__ import annotations

import json
import time
from uuid import UUID

from pc_worker.domains import Member, get_domain, join_rows
from pc_worker.encoding.text.line_tokens import line_tokens
from tests.faults.drill import Drill, Fault
from tests.faults.rig import ENDED
from tests.support.waiting import eventually

DOMAIN = "transcript"
STEPS = ("before@{}set_groups", "after@{}lock_groups", "after@{}delete_passages", "after@{}add_passages")
UTTERANCES = 120
ROWS = "SELECT row_id::text, key, payload, text, content_hash FROM rows WHERE domain = %(domain)s"
PASSAGES = "SELECT row_id::text, text FROM rows WHERE domain = %(domain)s"


def killed_while_joining(drill: Drill) -> None:
    """Kill a pool process before or after a step of joining, while a meeting is ingested and then corrected."""
    while drill.injected < drill.times:
        began = time.monotonic()
        job = _ingest(drill, drill.injected)
        eventually(lambda: not drill.rig.points.armed(), within_s=60, what="the kill")
        drill.injected += 1
        eventually(lambda: _state(drill, job) in ENDED, within_s=120, what="the end of the job")  # noqa: B023 - ends here
        drill.settled_s.append(time.monotonic() - began)
        drill.expect(_state(drill, job) == "completed", f"job {job} is {_state(drill, job)}")
        _compare(drill, drill.injected - 1)


def _ingest(drill: Drill, generation: int) -> str:
    """Begin to ingest a version of the meeting, with a kill at one of the steps; return the job's id."""
    path = drill.rig.folder / "sources" / f"meeting-{generation}.jsonl"
    said = [
        {"meeting": "m", "speaker": "s", "start": n, "end": n + 1, "text": f"point {n} of version {generation}"}
        for n in range(UTTERANCES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    step = STEPS[generation % len(STEPS)].format("pc_worker.store.rows.joined.")
    drill.rig.points.arm(f"child.{step}", "kill")
    return str(drill.rig.stack.run("ingest", str(path), "--domain", DOMAIN, "--json").json()["job_id"])


def _state(drill: Drill, job: str) -> str:
    return str(drill.rig.query("SELECT state FROM jobs WHERE job_id = %(j)s", {"j": job})[0][0])


def _compare(drill: Drill, generation: int) -> None:
    """Check that the stored passages are those of the stored rows, which are those of the newest version."""
    members = [
        Member(row_id=UUID(row_id), key=key, payload=payload, text=text, content_hash=bytes(content_hash))
        for row_id, key, payload, text, content_hash in drill.rig.query(ROWS, {"domain": DOMAIN})
    ]
    join = get_domain(DOMAIN).join
    assert join is not None
    wanted = {(str(one.id), one.text) for one in join_rows(join, members, line_tokens)}
    stored = set(drill.rig.query(PASSAGES, {"domain": f"{DOMAIN}.joined"}))
    drill.expect(len(members) == UTTERANCES, f"{len(members)} utterances")
    drill.expect(stored == wanted, f"{len(stored)} passages are stored, {len(wanted)} are right")
    old = [text for _, text in stored if f"version {generation - 1}" in text]
    drill.expect(not old, f"{len(old)} passages have words of an older version")


FAULTS = (
    Fault(
        name="joining-kill",
        matrix="1, 2",
        what="SIGKILL while rows are joined into passages",
        times=8,
        run=killed_while_joining,
    ),
)
