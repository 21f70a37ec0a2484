"""The metrics of a running stack say what happened, from all its processes."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.support.frames import write_documents, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(stack: LiveStack) -> Samples:
    with urllib.request.urlopen(f"http://{stack.addresses.metrics}/metrics", timeout=30) as response:
        text = response.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def test_rows_texts_and_stages_are_counted_across_processes(stack: LiveStack, tmp_path: Path) -> None:
    before = samples(stack)
    texts = [f"metric {n % 350} of a kind" for n in range(700)]
    job = stack.ingest(write_documents(tmp_path / "m.pkl", texts), "document")

    def grown(name: str, **labels: str) -> float:
        return value(samples(stack), name, **labels) - value(before, name, **labels)

    eventually(lambda: grown("pcw_rows_total", domain="document", outcome="written") == 700, what="the rows")
    assert grown("pcw_texts_encoded_total", domain="document") == job["texts_encoded"]
    assert grown("pcw_cache_lookups_total", domain="document", result="miss") == job["texts_encoded"]
    assert grown("pcw_encoder_tokens_total", domain="document") > job["texts_encoded"]
    for stage in ("read", "clean", "embed", "write", "push"):
        assert grown("pcw_stage_seconds_count", domain="document", stage=stage) == job["chunks_total"]


def test_all_names_begin_alike(stack: LiveStack) -> None:
    assert {name for name, _ in samples(stack) if not name.startswith("pcw_")} == set()


def test_what_the_database_and_the_queue_hold_is_told(stack: LiveStack, tmp_path: Path) -> None:
    rows = write_recruit(tmp_path / "r.pkl", 40, changes={3: {"Exp Years": "nonsense"}})
    assert stack.ingest(rows, "recruit")["rows_dead"] == 1

    found = samples(stack)

    assert value(found, "pcw_postgres_up") == value(found, "pcw_queue_up") == 1
    ((head,),) = stack.query("SELECT head FROM domains WHERE domain = 'recruit'")
    assert value(found, "pcw_log_head", domain="recruit") == head
    assert value(found, "pcw_queue_bytes", domain="recruit") > 0
    ((dead,),) = stack.query("SELECT count(*) FROM dead_letters WHERE domain = 'recruit'")
    assert value(found, "pcw_dead_letters", domain="recruit") == dead
    assert value(found, "pcw_jobs", domain="recruit", state="partial") >= 1


def test_the_ledger_is_checked_and_a_row_without_vector_is_found(own_stack: LiveStack, tmp_path: Path) -> None:
    own_stack.ingest(write_recruit(tmp_path / "r.pkl", 20), "recruit")
    kind = {"kind": "row_without_vector"}

    def ask_for_a_check() -> float:
        from celery import Celery

        with Celery(broker=own_stack.addresses.redis_url, set_as_current=False) as app:
            app.send_task("pc_worker.check_ledger", queue="pcw.upkeep")
        return value(samples(own_stack), "pcw_ledger_checked_total", **kind)

    eventually(ask_for_a_check, what="a check")
    assert value(samples(own_stack), "pcw_ledger_violations_total", **kind) == 0

    own_stack.query("DELETE FROM embeddings RETURNING 1")
    eventually(
        lambda: ask_for_a_check() and value(samples(own_stack), "pcw_ledger_violations_total", **kind),
        what="the violation",
    )


def test_a_domain_name_that_a_caller_makes_up_is_no_label(stack: LiveStack) -> None:
    assert stack.run("search", "x", "--domain", "made-up").code == 2
    with grpc.insecure_channel(stack.addresses.gateway) as channel:
        stub = EmbeddingStreamServiceStub(channel)
        opening = pb.ConsumeRequest(open=pb.ConsumeOpen(domain="made-up", subscription="s"))
        for call in (stub.StreamEmbedding(pb.StreamEmbeddingRequest(domain="made-up")), stub.Consume(iter([opening]))):
            with pytest.raises(grpc.RpcError, match="no domain"):
                next(call)
    labels = {dict(labels).get("domain") for name, labels in samples(stack) if name.startswith("pcw_")}

    # All made-up names of calls that became failed jobs are one series.
    assert labels <= {None, "candidate", "document", "recruit", "skill_dic", "transcript", "unknown"}
