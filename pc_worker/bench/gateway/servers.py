"""The servers that the gateway's benchmark compares, each in its own process."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import grpc
import grpc.aio

from pc_worker.gateway import GatewayConfig
from pc_worker.gateway.server import serve
from pc_worker.logs import set_up_logs

SERVICE = "com.alpha.backend.grpc.EmbeddingStreamService"


@dataclass(frozen=True, slots=True)
class BenchServer:
    """A server in its own process."""

    address: str
    pid: int


@contextmanager
def own_process(target: Callable[..., None], *arguments: Any) -> Iterator[BenchServer]:
    """Run ``target(*arguments, pipe)``, which sends its address on the pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()  # a process that ends before it serves is an end of file, not an endless wait
    try:
        yield BenchServer(ours.recv(), process.pid or 0)
    finally:
        process.terminate()
        process.join()


def run_gateway(config: GatewayConfig, pipe: Connection) -> None:
    """Serve the real gateway until the process is ended; quietly, for the result goes to the same terminal."""
    set_up_logs(log_format="console", level="ERROR")
    asyncio.run(serve(config, on_ready=lambda addresses: pipe.send(addresses[0])))


def run_bare(messages: Sequence[bytes], pipe: Connection) -> None:
    """Serve the same messages with nothing around them: what grpc.aio can do at best."""
    asyncio.run(_serve_bare(messages, pipe))


async def _serve_bare(messages: Sequence[bytes], pipe: Connection) -> None:
    async def stream(_: bytes, context: grpc.aio.ServicerContext) -> None:
        for message in messages:
            await context.write(message)

    server = grpc.aio.server()
    calls = {"StreamEmbedding": grpc.unary_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, calls),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    pipe.send(f"127.0.0.1:{port}")
    await server.wait_for_termination()
