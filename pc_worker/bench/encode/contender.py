"""One contender of `bench encode`: a process that encodes texts and reports how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from pc_worker.encoding import Vectors, load_encoder

BASELINE = "sentence-transformers"
BATCH = 32


@dataclass(frozen=True, slots=True)
class TimedVectors:
    """The result for one set of texts; ``peak_mb`` is the process's highest memory so far."""

    seconds: float
    vectors: Vectors
    peak_mb: float


def contend(name: str, threads: int, cache: Path, pipe: Connection) -> None:
    """Report when ready, then answer each list of texts until the other end closes."""
    encode = _baseline(threads) if name == BASELINE else _ours(name, threads, cache)
    pipe.send("ready")
    while True:
        try:
            texts = pipe.recv()
        except EOFError:
            return
        started = time.perf_counter()
        vectors = encode(texts)
        pipe.send(TimedVectors(time.perf_counter() - started, vectors, _peak_mb()))


def _ours(backend: str, threads: int, cache: Path) -> Callable[[list[str]], Vectors]:
    return load_encoder(backend=backend, threads=threads, cache=cache).encode


def _baseline(threads: int) -> Callable[[list[str]], Vectors]:
    import torch

    from pc_worker.encoding.backends.torch_backend import load_reference
    from pc_worker.encoding.models.finding import find_model

    torch.set_num_threads(threads)
    model = load_reference(find_model(""))
    model.encode(["warm"], show_progress_bar=False)

    def encode(texts: list[str]) -> Vectors:
        vectors: Vectors = model.encode(texts, batch_size=BATCH, show_progress_bar=False)
        return vectors

    return encode


def _peak_mb() -> float:
    """Return this program's peak memory in MB; ``getrusage`` would return the parent's if that was higher."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
