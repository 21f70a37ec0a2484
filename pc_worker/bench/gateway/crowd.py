"""One fast client alone and together with ten frozen and ten slow ones: its rate, and the gateway's memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import grpc

from pc_worker.bench.gateway.calls import open_channel, start_stream
from pc_worker.bench.gateway.servers import own_process

FROZEN = SLOW = 10
#: How often a slow client takes a row.
SLOW_S = 1.0
#: One call may be over in a tenth of a second.
CALLS = 10
MIB = 1024 * 1024
#: A gateway that used no more of a core than 5 % in half a second is idle; a tick is 10 ms.
IDLE_S = 0.5
IDLE_TICKS = 2


@dataclass(frozen=True, slots=True)
class CrowdCost:
    """Median seconds of the fast client alone and with the crowd, and the largest growth of the gateway's memory."""

    alone_s: float
    beside_s: float
    grown_mib: float


def measure_crowd(address: str, pid: int, domain: str, call: Callable[[], float], *, repeats: int) -> CrowdCost:
    """Make ``call`` alone and with the crowd in turn, on a gateway that has not served a client yet."""
    base = memory_mib(pid, "VmRSS")
    alone, beside = [], []
    for _ in range(repeats):
        alone.append(_mean(call))
        # In its own process: a client that shares the crowd's interpreter is slowed down by that.
        with own_process(run_crowd, address, domain):
            await_full_buffers(pid)
            beside.append(_mean(call))
    return CrowdCost(median(alone), median(beside), memory_mib(pid, "VmHWM") - base)


def _mean(call: Callable[[], float]) -> float:
    """Call for so long that the crowd comes by."""
    return sum(call() for _ in range(CALLS)) / CALLS


def await_full_buffers(pid: int) -> None:
    """Wait until the crowd's buffers are full: until then even a client that does not read is served at full speed."""
    before = -1
    while (now := _cpu_ticks(pid)) - before > IDLE_TICKS:
        before = now
        time.sleep(IDLE_S)


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_mib(pid: int, field: str) -> float:
    """Read ``VmRSS``, the memory a process has now, or ``VmHWM``, the most it ever had, in MiB; 0 = it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) * 1024 / MIB for line in lines if line.startswith(field + ":"))


def run_crowd(address: str, domain: str, pipe: Connection) -> None:
    """Run the crowd until the process is ended."""
    with crowd(address, domain):
        pipe.send("")
        threading.Event().wait()


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
