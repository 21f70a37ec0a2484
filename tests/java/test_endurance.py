"""Exactly once in effect, at size: every process between the rows and their table is killed at random times.

Two sinks share the subscription. Each kill falls while rows are in flight: they were sent, and are not stored.
``ENDURANCE_ROWS``, ``ENDURANCE_KILLS`` (of each part), ``ENDURANCE_SHARDS``, ``ENDURANCE_SEED`` and
``ENDURANCE_REPORT`` (a folder) set it:
``ENDURANCE_REPORT=/tmp/report ./test -m slow tests/java/test_endurance.py``.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.java.endurance import VICTIMS, Endurance, report, write_report
from tests.support.frames import write_documents
from tests.support.java import Java
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = int(os.environ.get("ENDURANCE_KILLS", "10"))
SHARDS = int(os.environ.get("ENDURANCE_SHARDS", "2"))
SEED = int(os.environ.get("ENDURANCE_SEED", "20261121"))
#: What the sink grants: 16 chunks of 300 rows.
CREDIT_ROWS = 16 * 300
#: Before it calls again the sink stores what it has in hand, up to its credit, and it goes on while parts come back:
#: with fewer rows a fast machine has stored the last one before the last kill.
ROWS = int(os.environ.get("ENDURANCE_ROWS", str(CREDIT_ROWS * len(VICTIMS) * KILLS * 5 // 4)))
RESUME_S = 10.0
#: Each distinct text is embedded once: the log is what this test is about.
TEXTS = 500
#: Rows of either side that the other has not, or has otherwise: content, place in the log, vectors, model.
DIFFERENCES = """
SELECT count(*) FROM pcw_document s
FULL JOIN (
    SELECT r.row_id, r.payload, r.key, l.position, e.vector::real[] AS vector, m.name || '@' || m.revision AS model
    FROM rows r JOIN log l USING (domain, row_id) JOIN embeddings e USING (domain, row_id)
    JOIN models m USING (model_id)
    WHERE r.domain = 'document' AND l.superseded_by IS NULL
) r ON s.pcw_id = r.row_id
WHERE s.pcw_id IS NULL OR r.row_id IS NULL
   OR s.pcw_position <> r.position OR s.pcw_model <> r.model OR s.key <> r.key
   OR s.payload_json::jsonb <> r.payload
   OR (SELECT array_agg(x) FROM unnest(s.vectors) x) <> r.vector
"""
CONTENT = "SELECT payload_json::jsonb ->> 'id', payload_json::jsonb ->> 'text' FROM pcw_document ORDER BY pcw_position"
APPLIED = "SELECT count(*), count(DISTINCT row_id) FROM applied"


def test_every_row_is_applied_once_whatever_is_killed(java: Java, own_stack: LiveStack, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    texts = [f"Document {number % TEXTS} of a long series." for number in range(ROWS)]
    victims = [victim for victim in VICTIMS for _ in range(KILLS)]
    chance.shuffle(victims)
    with (tmp_path / "sink.log").open("wb") as log:
        endurance = Endurance(java, own_stack, log, shards=SHARDS)
        try:
            endurance.instrument()
            done = own_stack.ingest(write_documents(tmp_path / "d.pkl", texts), "document", "--id-column", "id")
            assert done["state"] == "completed"
            began, share = time.monotonic(), ROWS // len(victims)
            kills = []
            for number, victim in enumerate(victims):
                endurance.reach(number * share + chance.randrange(share // 2))
                kills.append(endurance.kill(victim))
            endurance.finish(ROWS)
            seconds = time.monotonic() - began
        finally:
            endurance.stop()
    again, calls = endurance.resent(ROWS)
    text = report(kills, (again, calls), seed=SEED, rows=ROWS, shards=SHARDS, seconds=seconds)
    write_report(text, Path(os.environ.get("ENDURANCE_REPORT", tmp_path)))

    assert own_stack.query(DIFFERENCES) == [(0,)], text
    assert own_stack.query(APPLIED) == [(ROWS, ROWS)], text
    assert dict(own_stack.query(CONTENT)) == {f"doc-{n}": words for n, words in enumerate(texts)}, text
    assert all(kill.position < ROWS for kill in kills), text
    assert min(kill.in_flight for kill in kills) >= 1, text
    assert again <= calls * CREDIT_ROWS, text
    assert max(kill.resume_s for kill in kills) <= RESUME_S, text
