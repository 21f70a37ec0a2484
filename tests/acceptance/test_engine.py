"""A stack whose texts and queries are encoded by an engine over HTTP: it goes away, comes back, and nothing is lost.

The tests use the rows that the first one writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import numpy as np
import pytest

from tests.conftest import QUICK_RECOVERY
from tests.support.engine import StandInEngine, stand_in_engine, vector_of
from tests.support.frames import write_documents, write_recruit
from tests.support.stack import LiveStack, run_command
from tests.support.waiting import eventually

KEY = "sk-Tr0ub4dor-and-3"


@pytest.fixture(scope="module")
def engine() -> Iterator[StandInEngine]:
    with stand_in_engine(key=KEY, dimension=2000) as running:
        yield running


@pytest.fixture(scope="module")
def served(engine: StandInEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Yield a stack whose first model is the engine, which is also the one of the queries of ``recruit``."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "key").write_text(KEY + "\n")
    settings = {
        "PC_WORKER_DATA_ROOTS": str(tmp_path_factory.getbasetemp()),
        "PC_WORKER_MODEL": engine.written.replace("@", "?dimensions=64@"),
        "PC_WORKER_QUERY_MODELS": f"recruit={engine.written.replace('@', '?dimensions=1536@')}",
        "PC_WORKER_EMBEDDINGS_RPM": "100000",
        "PC_WORKER_LOG_LEVEL": "DEBUG",
        "OPENAI_API_KEY_FILE": str(folder / "key"),
    }
    stack = LiveStack(folder / "home", QUICK_RECOVERY | settings, "worker,beat,gateway,http", processes=1)
    stack.start()
    yield stack
    assert stack.stop() == 0


def search(stack: LiveStack, query: str, domain: str, mode: str) -> Any:
    return stack.run("search", query, "--domain", domain, "--mode", mode, "--json")


def test_an_ingest_waits_for_an_engine_that_is_away_while_other_domains_go_on(
    served: LiveStack, engine: StandInEngine, tmp_path: Path
) -> None:
    texts = [f"note number {n} on valves and pumps" for n in range(200)]
    engine.always = "away"

    source = write_documents(tmp_path / "notes.pkl", texts)
    job = served.run("ingest", str(source), "--domain", "document", "--json").json()["job_id"]
    eventually(lambda: len(engine.requests) > 1, what="a request to the engine")
    beside = served.ingest(write_recruit(tmp_path / "r.pkl", 30), "recruit")
    waiting = served.run("status", job, "--json").json()
    engine.script.extend(["fewer", "NaN", "another model", "truncated", None])
    engine.always = None

    def ended() -> Any:
        found = served.run("status", job, "--json").json()
        return found if found["state"] != "running" else None

    document = eventually(ended, within_s=90, what="the end of the job")
    assert (beside["state"], waiting["state"]) == ("completed", "running")
    assert (document["state"], document["rows_written"], document["texts_encoded"]) == ("completed", 200, 200)
    assert document["tokens_encoded"] >= 200 * 7
    assert document["cost_usd"] == 0, "nobody asks a price for a server on this machine"
    stored = served.query(
        "SELECT r.text, e.vector::text FROM rows r JOIN embeddings e USING (domain, row_id) WHERE domain = 'document'"
    )
    assert len(stored) == 200
    assert all(np.allclose(json.loads(vector), vector_of(text, 64), atol=1e-6) for text, vector in stored)


def test_every_face_searches_by_meaning_with_the_model_of_queries(served: LiveStack) -> None:
    on_the_command_line = search(served, "java engineer", "recruit", "vector").json()
    url = served.addresses.redis_url
    with celery.Celery(broker=url, backend=url, set_as_current=False) as app:
        asked = {"query": "java engineer", "domain": "recruit", "mode": "vector"}
        by_celery = app.send_task("pc_worker.search", kwargs=asked).get(timeout=60)

    assert on_the_command_line["mode"] == by_celery["mode"] == "vector"
    assert [hit["id"] for hit in on_the_command_line["hits"]] == [hit["id"] for hit in by_celery["hits"]]
    assert len(by_celery["hits"]) == 10


def test_hybrid_answers_by_text_while_the_engine_is_away(served: LiveStack, engine: StandInEngine) -> None:
    engine.always = "away"
    try:
        by_words = search(served, "valves", "document", "hybrid")
        by_vectors = search(served, "valves", "document", "vector")
    finally:
        engine.always = None

    assert by_words.json()["mode"] == "text"
    assert by_words.json()["hits"]
    assert by_vectors.code == 69
    assert by_vectors.err.startswith("error: the engine openai:stand-in")


def test_the_key_is_in_no_output(served: LiveStack, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("sk-another-secret")
    wrong = served.env | {"OPENAI_API_KEY_FILE": str(tmp_path / "wrong")}

    outputs = [
        served.run("doctor"),
        run_command("doctor", env=wrong),
        run_command("search", "pump", "--domain", "document", "--mode", "vector", env=wrong),
    ]

    assert outputs[2].code == 2
    assert "refuses the key" in outputs[2].err
    shown = "".join(output.out + output.err for output in outputs)
    written = [path.read_text(errors="replace") for path in (served.home / "logs").glob("*.log")]
    listed = "".join(" ".join(process.cmdline()) for part in ("worker", "gateway") for process in served.family(part))
    assert "note number" not in "".join(written), "the text of a row is in a log"
    for secret in (KEY, "sk-another-secret"):
        assert secret not in shown + listed + (served.home / "up.log").read_text() + "".join(written)


def test_a_query_model_of_another_dimension_ends_the_start_with_one_sentence(served: LiveStack) -> None:
    settings = {"PC_WORKER_QUERY_MODELS": "recruit=builtin", "PC_WORKER_LOG_LEVEL": "INFO"}

    refused = run_command("gateway", env=served.env | settings)

    assert refused.code == 2
    assert "builtin has 384 dimensions, the vectors of domain recruit have 1536" in refused.err
    assert refused.err.count("\n") == 1
