"""A crowd of calls that never say a word: ``python -m tests.faults.silent ADDRESS CALLS``."""

from __future__ import annotations

import asyncio
import sys

from pc_worker.bench.gateway.greedy_client import Greed, GreedyClient
from tests.faults.load import DOMAIN


async def crowd(address: str, calls: int) -> None:
    """Open them all, and hold what is not refused until this is ended."""
    client = GreedyClient(address, DOMAIN, like="", metadata=(), greed=Greed(idle=0, silent=calls, searches=0))
    async with client.at_work():
        while not client.ended:  # noqa: ASYNC110 - what is waited for happens in the gateway
            await asyncio.sleep(0.05)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(crowd(sys.argv[1], int(sys.argv[2])))
