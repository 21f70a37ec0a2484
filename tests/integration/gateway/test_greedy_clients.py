"""One client without limits, another that streams: the small version of ``pc_worker.bench.gateway.greedy``."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Mapping
from typing import Any

from pc_worker.access import Grant
from pc_worker.bench.gateway.greedy_client import Greed, GreedyClient
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search.cancel import Stop
from tests.integration.gateway.client import stream
from tests.integration.gateway.conftest import Neighbours, config_for, is_serving, running_gateway, until

GREEDY, MODEST = ([("authorization", f"Bearer {name}")] for name in ("greedy", "modest"))


class RealSearch:
    """The search service as the gateway is given it, with a connection for each thread."""

    def __init__(self, database_url: str) -> None:
        self._url, self._local = database_url, threading.local()

    def __call__(self, asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        request = SearchRequest.model_validate(asked)
        if not hasattr(self._local, "database"):
            self._local.database = Database(self._url, read_only=True)
        with stop.watching(self._local.database):
            return search(self._local.database, request, encoder=_none, timeout_s=stop.left_s()).to_dict()


def _none(_model: object) -> Any:
    raise AssertionError("the neighbours of a row need no encoder")


async def test_a_client_without_limits_gets_its_quota_and_another_everything_it_requests(
    neighbours: Neighbours,
) -> None:
    log = neighbours.log("law")
    for start in range(0, 900, 300):
        log.write(range(start, start + 300))
    tokens = {
        hashlib.sha256(name.encode()).hexdigest(): Grant(None, frozenset({"law"})) for name in ("greedy", "modest")
    }
    config = config_for(neighbours, tokens=tokens, max_streams=20, streams_per_token=12, streams_per_host=20)
    greed = Greed(idle=30, silent=300, searches=4)
    async with running_gateway(config, search=RealSearch(neighbours.database_url)) as address:
        client = GreedyClient(address, "law", like=log.row_id(0), metadata=GREEDY, greed=greed)
        async with client.at_work():
            await until(lambda: _tried(client, greed))
            received = [await stream(address, domain="law", metadata=MODEST) for _ in range(5)]
            await until(lambda: is_serving(address))

    assert [each.rows for each in received] == [log.rows] * 5
    assert client.opened <= 12
    refused = {name for (what, name) in client.ended if what == "silent"}
    assert "RESOURCE_EXHAUSTED" in refused
    assert "UNKNOWN" not in refused


async def _tried(client: GreedyClient, greed: Greed) -> bool:
    await asyncio.sleep(0)
    return sum(client.ended.values()) + client.opened >= greed.idle + greed.silent - 24
