"""A fuzz of every gRPC request against a real gateway: ``python -m tests.fuzz.fuzz_gateway --seed N --inputs 10000``.

For any input a call ends with a status of the contract, the log has no traceback, and the gateway continues. The exit
code is 1 if not; a finding has the number of its input, which the seed reproduces.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2
from pydantic import SecretStr

from pc_worker.embedded import start_servers
from pc_worker.services.seed import seed_domains
from pc_worker.settings import PROJECT, Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.store.search.scope import active_models
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wiring import make_services
from tests.fuzz.grpc_inputs import SERVICE, Input, Inputs
from tests.integration.search.shelf import Shelf
from tests.support.stack import SHARED_MODELS, environment
from tests.support.waiting import eventually

Status = grpc.StatusCode
TOKEN = "fuzz"
ROWS = 200
#: What a call may end with while the database is there. CANCELLED is our own doing.
EXPECTED = {
    Status.OK, Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.UNAUTHENTICATED, Status.PERMISSION_DENIED,
    Status.FAILED_PRECONDITION, Status.RESOURCE_EXHAUSTED, Status.DEADLINE_EXCEEDED, Status.CANCELLED,
}  # fmt: skip
#: Moreover, where another consumer may take the subscription over.
EXPECTED_OF_CONSUME = EXPECTED | {Status.ABORTED}
#: Lines of the log that no message of a client may cause.
ALARMS = ("Traceback", "Unexpected", "call_failed", "database_failed", "background_task_died", "exception was never")
#: What the client reports for a call that ended while it was writing: it hides the status. The server's log has
#: unexpected errors.
UNHEARD = "Internal error from Core"
MAX_ANSWERS = 4
AT_ONCE = 24
HUNG_S = 60.0


@dataclass
class Findings:
    """What a run has shown."""

    statuses: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A gateway with a searchable domain."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    row_ids: list[str]


@contextmanager
def fuzzed_gateway(folder: Path, database_url: str, redis_url: str) -> Iterator[Target]:
    """Fill the database, which is empty, and run the gateway's own command on it."""
    row_ids = fill(folder, database_url, redis_url)
    with gateway_command(folder, database_url, redis_url) as (process, address):
        yield Target(address, process, folder / "gateway.log", row_ids)


@contextmanager
def gateway_command(folder: Path, database_url: str, redis_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `gateway` until it listens; yield the process and its address, and end it with SIGTERM."""
    models = folder / "home" / "models"
    if not models.exists():
        models.parent.mkdir(exist_ok=True)
        SHARED_MODELS.mkdir(parents=True, exist_ok=True)
        models.symlink_to(SHARED_MODELS)  # its model is exported once
    env = environment(
        folder / "home",
        PC_WORKER_DATABASE_URL=database_url,
        PC_WORKER_REDIS_URL=redis_url,
        PC_WORKER_DATA_ROOTS=str(folder),
        PC_WORKER_TOKEN=TOKEN,
        PC_WORKER_LOG_FORMAT="json",
    )
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pc_worker", "gateway"], env=env, stdout=output, stderr=output
        )
    try:
        yield process, eventually(lambda: _address(log), what="the gateway")
    finally:
        process.terminate()
        process.wait(60)


def _address(log: Path) -> str:
    found = re.search(r"gateway listens on ([0-9.]+:[0-9]+)", log.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else ""


def fill(folder: Path, database_url: str, redis_url: str) -> list[str]:
    """Create the schema, open the domains, and store rows of `document`; return their ids."""
    database = Database(database_url)
    migrate(database, read_migrations(PROJECT / "migrations"))
    settings = Settings(
        home=folder / "home",
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        data_roots=(folder,),
    )
    seed_domains(make_services(settings))
    with database.transaction() as cursor:
        (model,) = (model for model in active_models(cursor) if model.encodable)
    shelf = Shelf(database, "document", model)
    texts = [f"green tea and black coffee, cup number {number}" for number in range(ROWS)]
    payloads = [{"name": f"n{number}", "size": number, "tags": ["x", "y"], "a": {"b": "c"}} for number in range(ROWS)]
    found = [str(row_id) for row_id in shelf.add_all(texts, payloads=payloads)]
    database.close()
    return found


async def fuzz(target: Target, *, seed: int, inputs: int) -> Findings:
    """Make the calls, some at a time, and look at the gateway afterwards."""
    findings, made = Findings(), Inputs(seed, row_ids=target.row_ids[:3], token=TOKEN)
    gate = asyncio.Semaphore(AT_ONCE)
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(target.address, options=options) as channel:

        async def one(number: int, given: Input) -> None:
            async with gate:
                await _judge(channel, number, given, findings)

        async with asyncio.TaskGroup() as group:
            for number in range(inputs):
                await gate.acquire()
                gate.release()
                group.create_task(one(number, made.next()))
        await _still_serves(channel, target, findings)
    findings.words += [f"log: {line[:300]}" for line in _alarms(target.log)]
    return findings


async def _judge(channel: grpc.aio.Channel, number: int, given: Input, findings: Findings) -> None:
    try:
        status, details = await asyncio.wait_for(_call(channel, given), HUNG_S)
    except TimeoutError:
        findings.words.append(f"input {number}, {given.method}: no end in {HUNG_S:g} s")
        return
    method = given.method.rpartition("/")[2]
    if details == UNHEARD:
        findings.statuses[f"{method} not heard"] += 1
        return
    findings.statuses[f"{method} {status.name}"] += 1
    expected = EXPECTED_OF_CONSUME if method == "Consume" else EXPECTED
    if status not in expected or "Traceback" in details or "<class" in details or "\n" in details:
        findings.words.append(f"input {number}, {given.method}: {status.name}: {details[:300]}")


async def _call(channel: grpc.aio.Channel, given: Input) -> tuple[grpc.StatusCode, str]:
    call = channel.stream_stream(given.method)(metadata=given.metadata)
    # It may have ended: its status has the reason.
    with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError, grpc.aio.InternalError):
        for message in given.messages:
            await call.write(message)
        if given.half_closes:
            await call.done_writing()
    with suppress(grpc.aio.AioRpcError, TimeoutError):
        for _ in range(MAX_ANSWERS):
            patience_s = HUNG_S if given.half_closes and not given.method.endswith("Watch") else 0.2
            if await asyncio.wait_for(call.read(), patience_s) is grpc.aio.EOF:
                return await call.code(), await call.details() or ""
    if call.done():
        return await call.code(), await call.details() or ""
    call.cancel()
    return Status.CANCELLED, ""


async def _still_serves(channel: grpc.aio.Channel, target: Target, findings: Findings) -> None:
    request = health_pb2.HealthCheckRequest().SerializeToString()
    health = await channel.unary_unary("/grpc.health.v1.Health/Check")(request)
    if health_pb2.HealthCheckResponse.FromString(health).status != health_pb2.HealthCheckResponse.SERVING:
        findings.words.append("it does not serve any more")
    asked = pb.StreamEmbeddingRequest(domain="document").SerializeToString()
    metadata = [("authorization", f"Bearer {TOKEN}")]
    rows = 0
    async for raw in channel.unary_stream(f"{SERVICE}/StreamEmbedding")(asked, metadata=metadata):
        rows += len(pb.RowChunk.FromString(raw).row_ids)
    if rows != ROWS:
        findings.words.append(f"it gives {rows} rows of {ROWS}")
    if target.process.poll() is not None:
        findings.words.append(f"it has ended with {target.process.returncode}")


def _alarms(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if any(alarm in line for alarm in ALARMS)]


def main(arguments: list[str]) -> int:
    """Run on servers of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.fuzz_gateway", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=10_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pcw-fuzz-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        servers = start_servers(folder / "servers")
        try:
            with fuzzed_gateway(folder, servers.database_url, servers.redis_url) as target:
                findings = asyncio.run(fuzz(target, seed=options.seed, inputs=options.inputs))
        finally:
            servers.stop()
    _tell(findings, options)
    return int(bool(findings.words))


def _tell(findings: Findings, options: Any) -> None:
    say: Any = print
    for status, number in sorted(findings.statuses.items()):
        say(f"{number:7,}  {status}")
    say(f"{options.inputs:,} inputs, seed {options.seed}: {len(findings.words)} findings")
    for word in findings.words[:50]:
        say(word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
