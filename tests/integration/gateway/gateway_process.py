"""A gateway in a process of its own, for what only a process shows: signals, exit codes, memory, its log."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pc_worker.gateway import GatewayConfig
from pc_worker.gateway.server import serve
from pc_worker.logs import set_up_logs

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def gateway_process(
    config: GatewayConfig, *, log: IO[bytes] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start one; yield the process and its address. It logs to ``log``, or to this process's stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, pickle.dumps(config).hex()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = next(line.split()[1] for line in process.stdout if line.startswith("ready "))
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Serve as the first argument says."""
    config = pickle.loads(bytes.fromhex(sys.argv[1]))
    set_up_logs(log_format="json", level="INFO")
    asyncio.run(serve(config, on_ready=lambda addresses: print(f"ready {addresses[0]}", flush=True)))  # noqa: T201


if __name__ == "__main__":
    main()
