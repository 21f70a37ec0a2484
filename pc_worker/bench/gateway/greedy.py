"""``python -m pc_worker.bench.gateway.greedy``: the effect of one client without limits on another, and on memory.

One token opens 256 idle calls and 5,000 that never send a message, and keeps 8 searches running, half of them with
20,000 filters. Another token streams 100,000 rows, alone and together with it in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from pc_worker.access import Grant
from pc_worker.bench.gateway.calls import streamed_s
from pc_worker.bench.gateway.compare import bench_servers, fill_domain
from pc_worker.bench.gateway.crowd import await_full_buffers, memory_mib
from pc_worker.bench.gateway.greedy_client import Greed, GreedyClient
from pc_worker.bench.gateway.log import make_chunks
from pc_worker.bench.gateway.servers import own_process
from pc_worker.bench.processor import processor
from pc_worker.embedded import EmbeddedServers
from pc_worker.gateway import GatewayConfig
from pc_worker.gateway.server import serve
from pc_worker.logs import set_up_logs
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search.cancel import Stop

DOMAIN = "bench384"
DIMENSION = 384
CALLS = 10
GREEDY, MODEST = ([("authorization", f"Bearer {name}")] for name in ("greedy", "modest"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedCost:
    """Rows per second of the normal client, alone and with the unlimited one, and the gateway's memory growth."""

    rows: int
    alone: float
    beside: float
    ratio: float
    grown_mib: float
    greedy_opened: int
    greedy_ended: dict[str, int]


def run(*, rows: int, repeats: int, greed: Greed) -> GreedCost:
    """Measure on its own servers; the median of ``repeats`` turns, each with ten readings of the whole log."""
    with bench_servers() as servers:
        chunks = list(make_chunks(DOMAIN, rows=rows, dimension=DIMENSION))
        fill_domain(servers, DOMAIN, chunks)
        like = str(chunks[0].row_ids[0])
        with own_process(run_searching_gateway, _config(servers)) as gateway:
            base = memory_mib(gateway.pid, "VmRSS")
            alone, beside = [], []
            for _ in range(repeats):
                alone.append(_mean(lambda: streamed_s(gateway.address, DOMAIN, metadata=MODEST)))
                with own_process(run_greedy, gateway.address, like, greed) as crowd:
                    await_full_buffers(gateway.pid)
                    beside.append(_mean(lambda: streamed_s(gateway.address, DOMAIN, metadata=MODEST)))
            ended = json.loads(crowd.address)
            fast, slow = rows / median(alone), rows / median(beside)
            return GreedCost(
                rows=rows,
                alone=round(fast),
                beside=round(slow),
                ratio=round(slow / fast, 3),
                grown_mib=round(memory_mib(gateway.pid, "VmHWM") - base, 1),
                greedy_opened=ended.pop("opened"),
                greedy_ended=ended,
            )


def _mean(call: Callable[[], float]) -> float:
    return sum(call() for _ in range(CALLS)) / CALLS


def _config(servers: EmbeddedServers) -> GatewayConfig:
    tokens = {
        hashlib.sha256(name.encode()).hexdigest(): Grant(None, frozenset({DOMAIN})) for name in ("greedy", "modest")
    }
    return GatewayConfig(
        addresses=("127.0.0.1:0",),
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        tokens=tokens,
    )


def run_searching_gateway(config: GatewayConfig, pipe: Connection) -> None:
    """Serve the real gateway with the real search until the process is ended."""
    set_up_logs(log_format="console", level="CRITICAL")
    local = threading.local()

    def answer(asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        request = SearchRequest.model_validate(asked)
        if not hasattr(local, "database"):
            local.database = Database(config.database_url, read_only=True)
        with stop.watching(local.database):
            return search(local.database, request, encoder=_no_encoder, timeout_s=stop.left_s()).to_dict()

    asyncio.run(serve(config, search=answer, on_ready=lambda addresses: pipe.send(addresses[0])))


def _no_encoder(_model: object) -> Any:
    raise AssertionError("the neighbours of a row need no encoder")


def run_greedy(address: str, like: str, greed: Greed, pipe: Connection) -> None:
    """Run the unlimited client until the process is ended; print how its calls ended once all were tried."""
    asyncio.run(_be_greedy(address, like, greed, pipe))


async def _be_greedy(address: str, like: str, greed: Greed, pipe: Connection) -> None:
    client = GreedyClient(address, DOMAIN, like=like, metadata=GREEDY, greed=greed)
    async with client.at_work():
        while sum(client.ended.values()) + client.opened < (greed.idle + greed.silent) * 0.9:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        ended = {f"{what} {status}": number for (what, status), number in sorted(client.ended.items())}
        pipe.send(json.dumps({"opened": client.opened, **ended}))
        await asyncio.Event().wait()


def main(arguments: list[str]) -> int:
    """Measure and print the figures as JSON; 1 if the modest client got less than 0.8 of its rate, or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m pc_worker.bench.gateway.greedy", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    for name, number in asdict(Greed()).items():
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args(arguments)
    greed = Greed(idle=options.idle, silent=options.silent, searches=options.searches)
    cost = run(rows=options.rows, repeats=options.repeats, greed=greed)
    sys.stdout.write(json.dumps({"processor": processor(), **asdict(cost)}, indent=1) + "\n")
    return int(cost.ratio < 0.8 or cost.grown_mib > 64)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
