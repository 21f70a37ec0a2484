"""However many clients do not read, the gateway's memory stays flat and others are served."""

from __future__ import annotations

import pytest
import redis

from pc_worker.bench.gateway.calls import open_channel, start_stream
from pc_worker.bench.gateway.crowd import crowd, memory_mib
from pc_worker.bench.gateway.log import make_chunks, store_chunks
from pc_worker.hot_buffer import HotBuffer
from pc_worker.store.db.connection import Database
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import Neighbours, config_for
from tests.integration.gateway.gateway_process import gateway_process

ROWS = 30_000
MIB = 1024 * 1024


@pytest.mark.slow
def test_ten_frozen_and_ten_slow_clients_cost_little(neighbours: Neighbours) -> None:
    """At most 64 MB above an idle gateway, at any time; and a fast client still gets everything."""
    _fill(neighbours)

    with gateway_process(config_for(neighbours)) as (process, address):
        base = memory_mib(process.pid, "VmRSS")
        with crowd(address, "law"), open_channel(address) as channel:
            for _ in range(3):
                received = sum(len(pb.RowChunk.FromString(message).row_ids) for message in start_stream(channel, "law"))
                assert received == ROWS
            grown = memory_mib(process.pid, "VmHWM") - base

    assert grown <= 64


def _fill(neighbours: Neighbours) -> None:
    chunks = list(make_chunks("law", rows=ROWS, dimension=384))
    database = Database(neighbours.database_url)
    key = store_chunks(database, "law", chunks)
    database.close()
    client = redis.Redis.from_url(neighbours.redis_url)
    queue = HotBuffer(client, max_bytes=256 * MIB)
    for chunk in chunks:
        queue.push(chunk.entry, key)
    client.close()
