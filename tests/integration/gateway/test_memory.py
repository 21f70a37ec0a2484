"""However many clients do not read, the gateway's memory stays flat and others are served."""

from __future__ import annotations

from contextlib import AsyncExitStack

import grpc
import grpc.aio
import psutil
import pytest
import redis

from pc_worker.bench.gateway_log import make_chunks, store_chunks
from pc_worker.generated import embedding_stream_pb2 as pb
from pc_worker.queue import Queue
from pc_worker.store.connection import Database
from tests.integration.gateway.client import call, finish
from tests.integration.gateway.conftest import Neighbours, config_for
from tests.integration.gateway.gateway_process import gateway_process

ROWS = 30_000
MIB = 1024 * 1024


@pytest.mark.slow
async def test_ten_frozen_and_ten_slow_clients_cost_little(neighbours: Neighbours) -> None:
    """Issue 5, Shows 3: at most 64 MB above an idle gateway, and a fast client still gets everything."""
    _fill(neighbours)

    with gateway_process(config_for(neighbours)) as (process, address):
        resident = psutil.Process(process.pid)
        base = resident.memory_info().rss
        async with AsyncExitStack() as stack:
            for chunk_size in [300] * 10 + [1] * 10:
                channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
                await call(channel, pb.StreamEmbeddingRequest(domain="law", chunk_size=chunk_size)).read()
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            peaks = []
            for _ in range(3):
                received = await finish(call(channel, pb.StreamEmbeddingRequest(domain="law")))
                peaks.append(resident.memory_info().rss)

    assert received.trailers["pcw-rows"] == str(ROWS)
    assert max(peaks) - base <= 64 * MIB, f"{[(peak - base) // MIB for peak in peaks]} MiB above {base // MIB}"


def _fill(neighbours: Neighbours) -> None:
    chunks = list(make_chunks("law", rows=ROWS, dimension=384))
    database = Database(neighbours.database_url)
    store_chunks(database, "law", chunks)
    database.close()
    client = redis.Redis.from_url(neighbours.redis_url)
    queue = Queue(client, max_bytes=256 * MIB)
    for chunk in chunks:
        queue.push(chunk.entry)
    client.close()
