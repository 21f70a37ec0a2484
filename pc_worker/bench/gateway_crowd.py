"""One fast client alone and beside ten frozen and ten slow ones: its rate, and the gateway's memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc

from pc_worker.bench.gateway_calls import open_channel, start_stream

FROZEN = SLOW = 10
#: How often a slow client takes a row.
SLOW_S = 1.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CrowdCost:
    """Median seconds of the fast client alone and beside the crowd, and what the gateway's memory grew by at most."""

    alone_s: float
    beside_s: float
    grown_mib: float


def measure_crowd(address: str, pid: int, domain: str, call: Callable[[], float], *, repeats: int) -> CrowdCost:
    """Make ``call`` alone and beside the crowd in turn, on a gateway that has served nobody yet."""
    base = memory_mib(pid, "VmRSS")
    alone, beside = [], []
    for _ in range(repeats):
        alone.append(call())
        with crowd(address, domain):
            beside.append(call())
    return CrowdCost(median(alone), median(beside), memory_mib(pid, "VmHWM") - base)


def memory_mib(pid: int, field: str) -> float:
    """Read ``VmRSS``, the memory a process has now, or ``VmHWM``, the most it ever had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024 / MIB


@contextmanager
def crowd(address: str, domain: str) -> Iterator[None]:
    """Hold streams whose clients do not read, and streams whose clients take a row a second."""
    done = threading.Event()
    with ExitStack() as stack:
        for _ in range(FROZEN):
            next(start_stream(stack.enter_context(open_channel(address)), domain))
        for _ in range(SLOW):
            slow = start_stream(stack.enter_context(open_channel(address)), domain, chunk_rows=1)
            next(slow)
            thread = threading.Thread(target=_take_slowly, args=(slow, done))
            thread.start()
            stack.callback(thread.join)
        stack.callback(done.set)
        yield


def _take_slowly(call: Iterator[bytes], done: threading.Event) -> None:
    try:
        while not done.wait(SLOW_S):
            next(call)
    except grpc.RpcError as exc:
        raise RuntimeError("a slow client lost its stream") from exc
