"""Measure the cost of a row, on a separate stack: the figures of docs/scale.md.

Usage: ``PYTHONPATH=. .venv/bin/python scripts/unit_costs.py``. Prints one JSON document. ``recruit`` has vectors of
1,536 numbers, ``document`` is embedded here; both files are the demo's samples. CPU seconds depend little on other load
of the machine; rates do.
"""

from __future__ import annotations

import json
import sys
import time

import grpc
import psutil
import redis

from pc_worker.bench.processor import processor
from pc_worker.samples import Sample, write_samples
from pc_worker.wire.generated import embedding_stream_pb2 as wire
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.homes import temporary_home
from tests.support.frames import write_documents
from tests.support.stack import LiveStack

TABLES = ("rows", "embeddings", "row_terms", "log", "log_batches", "identities", "chunks")
DOMAINS = ("recruit", "document")


def main() -> None:
    """Ingest each sample into a fresh stack, read it back, and print the costs of a row."""
    with temporary_home() as folder:
        stack = LiveStack(folder / "home", {"PC_WORKER_DATA_ROOTS": str(folder)}, on_disk=True)
        stack.start()
        try:
            # Every process of the worker has its model loaded before anything is counted.
            stack.ingest(write_documents(folder / "warm.pkl", [f"warm {n}" for n in range(1200)]), "document")
            samples = {sample.domain: sample for sample in write_samples(folder / "samples")}
            costs = {domain: costs_of(stack, samples[domain]) for domain in DOMAINS}
        finally:
            stack.stop()
    machine = {"processor": processor(), "load_average": psutil.getloadavg(), "cores": psutil.cpu_count()}
    json.dump({**machine, **costs}, sys.stdout, indent=1)


def costs_of(stack: LiveStack, sample: Sample) -> dict[str, float]:
    """Return the costs of one domain's rows: bytes and CPU seconds, per row or per 1,000 rows by name."""
    wal, sizes = wal_bytes(stack), table_bytes(stack)
    worker, postgres = cpu_s(stack, "worker"), cpu_s(stack, "postgres")
    status = stack.ingest(sample.path, sample.domain, "--max-dead", "100000")
    rows = int(status["rows_written"])
    found = {
        "rows": rows,
        "source_bytes_a_row": sample.path.stat().st_size / rows,
        "worker_cpu_s_per_1000": 1000 * (cpu_s(stack, "worker") - worker) / rows,
        "postgres_cpu_s_per_1000": 1000 * (cpu_s(stack, "postgres") - postgres) / rows,
        "wal_bytes_a_row": (wal_bytes(stack) - wal) / rows,
    }
    for table, size in table_bytes(stack).items():
        found[f"{table}_bytes_a_row"] = (size - sizes[table]) / rows
    found["vectors_a_row"] = (
        stack.query("SELECT count(*) FROM embeddings WHERE domain = %s", sample.domain)[0][0] / rows
    )
    return found | delivery_of(stack, sample.domain)


def delivery_of(stack: LiveStack, domain: str) -> dict[str, float]:
    """Stream a domain from the queue, then from the log, the queue being emptied; the second time of each counts."""
    stream(stack, domain, "from_queue")
    quick = stream(stack, domain, "from_queue")
    with redis.Redis.from_url(stack.addresses.redis_url) as queue:
        queue.delete(*queue.scan_iter("pcw:*"))
    stream(stack, domain, "from_log")
    return quick | stream(stack, domain, "from_log")


def stream(stack: LiveStack, domain: str, way: str) -> dict[str, float]:
    """Read a domain once; return the rate and the servers' CPU seconds."""
    request = wire.StreamEmbeddingRequest(domain=domain, chunk_size=300)
    gateway, postgres, began = cpu_s(stack, "gateway"), cpu_s(stack, "postgres"), time.perf_counter()
    rows = size = 0
    with grpc.insecure_channel(stack.addresses.gateway) as channel:
        for chunk in EmbeddingStreamServiceStub(channel).StreamEmbedding(request):
            rows, size = rows + len(chunk.row_ids), size + chunk.ByteSize()
    took = time.perf_counter() - began
    return {
        "wire_bytes_a_row": size / rows,
        f"rows_s_{way}": rows / took,
        f"gateway_cpu_s_per_1000_{way}": 1000 * (cpu_s(stack, "gateway") - gateway) / rows,
        f"postgres_cpu_s_per_1000_{way}": 1000 * (cpu_s(stack, "postgres") - postgres) / rows,
    }


def wal_bytes(stack: LiveStack) -> int:
    """Return the bytes of write-ahead log so far."""
    return int(stack.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")[0][0])


def table_bytes(stack: LiveStack) -> dict[str, int]:
    """Return the bytes of each table with its indexes and its TOAST values."""
    return {table: int(stack.query("SELECT pg_total_relation_size(%s)", table)[0][0]) for table in TABLES}


def cpu_s(stack: LiveStack, part: str) -> float:
    """Return the CPU seconds of a component with its children, including those that have ended."""
    return float(sum(sum(process.cpu_times()[:4]) for process in stack.family(part)))


if __name__ == "__main__":
    main()
