"""`bench encode`: texts a second of our encoders against `SentenceTransformer.encode(batch_size=32)`."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.encode.contender import BASELINE, TimedVectors, contend
from pc_worker.bench.encode.texts import mixed_texts, skills_texts
from pc_worker.encoding import Vectors, compared
from pc_worker.model import DEFAULT_CHUNK_ROWS

BACKENDS = ("onnx", "onnx-int8", "torch")
MIXED, DISTINCT, SKILLS = "mixed", "distinct", "skills"
CHUNK = DEFAULT_CHUNK_ROWS
ROUNDS = 3
PATIENCE_S = 600  # a contender that does not answer for so long is lost

#: Asked of us: at least, and aimed at. PyTorch is there for its vectors.
SPEED: dict[str, tuple[float, float | None]] = {"onnx": (1.3, 1.8), "onnx-int8": (2.5, None)}
PEAK_MB, PEAK_MB_AIM = 500, 300
MIN_COSINE, INT8_MEAN_COSINE = 0.9999, 0.99


@dataclass(slots=True)
class ContenderResult:
    """One contender: seconds of its best round and its vectors, by set of texts, and its peak memory in MB."""

    seconds: dict[str, float]
    vectors: dict[str, Vectors]
    peak_mb: float = 0.0

    def add(self, texts: str, answer: TimedVectors) -> None:
        """Keep the better of this round and those before."""
        self.seconds[texts] = min(answer.seconds, self.seconds.get(texts, answer.seconds))
        self.vectors[texts] = answer.vectors
        self.peak_mb = answer.peak_mb


def run(*, texts: int = 600, threads: int = 1, cache: Path | None = None) -> BenchResult:
    """Measure every encoder on the built-in model; each has its own process, and they take turns.

    Args:
        texts: How many of mixed length, 30 % of them repeats; the distinct ones are measured alone too.
        threads: CPU threads of each contender: one, as in a worker with one process per core. Two are measured as well,
            with and without repeats.
        cache: Where exported models are kept; None = exported again, for this run only.
    """
    mixed = mixed_texts(texts)
    both = {MIXED: mixed, DISTINCT: list(dict.fromkeys(mixed))}
    more = 2 if threads == 1 and (os.cpu_count() or 1) > 1 else 0
    with TemporaryDirectory(prefix="pcw-bench-") as scratch:
        place = cache or Path(scratch)
        measured = _measured(both | {SKILLS: skills_texts(CHUNK)}, threads, place)
        wider = _measured(both, more, place) if more else {}
    figures = [figure for name in BACKENDS for figure in _figures(name, measured)]
    for name in BACKENDS if wider else ():
        figures += [_rate(name, wider, texts, threads=more) for texts in (MIXED, DISTINCT)]
    return BenchResult("encode", figures)


def _measured(sets: dict[str, list[str]], threads: int, cache: Path) -> dict[str, ContenderResult]:
    names = (BASELINE, *BACKENDS)
    measured = {name: ContenderResult({}, {}) for name in names}
    with ExitStack() as stack:
        pipes = {name: stack.enter_context(_contender(name, threads, cache)) for name in names}
        for _ in range(ROUNDS):
            for name, pipe in pipes.items():
                for texts, content in sets.items():
                    pipe.send(content)
                    measured[name].add(texts, cast("TimedVectors", _received(name, pipe)))
    return measured


@contextmanager
def _contender(name: str, threads: int, cache: Path) -> Iterator[Connection]:
    """Run a contender in a fresh process, loaded and warm: so its memory is its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=contend, args=(name, threads, cache, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        _received(name, ours)
        yield ours
    finally:
        ours.close()  # ends it
        process.join(timeout=PATIENCE_S)
        process.kill()


def _received(name: str, pipe: Connection) -> object:
    if not pipe.poll(PATIENCE_S):
        raise RuntimeError(f"the contender {name} has not answered for {PATIENCE_S} s")
    return pipe.recv()


def _figures(name: str, measured: dict[str, ContenderResult]) -> list[Figure]:
    ours, baseline = measured[name], measured[BASELINE]
    agreement = compared(ours.vectors[MIXED], baseline.vectors[MIXED])
    figures = [
        _rate(name, measured, MIXED, *SPEED.get(name, (None, None))),
        _rate(name, measured, DISTINCT),
        _less(
            f"{name}: {CHUNK} short texts",
            1000 * ours.seconds[SKILLS],
            1000 * baseline.seconds[SKILLS],
            unit="ms",
        ),
        _less(f"{name}: peak memory", ours.peak_mb, baseline.peak_mb, unit="MB"),
    ]
    if name == "torch":
        return figures
    return [
        *figures,
        _less(
            f"{name}: peak memory, of the limit", ours.peak_mb, PEAK_MB, 1.0, round(PEAK_MB / PEAK_MB_AIM, 3), unit="MB"
        ),
        _agreement(name, agreement.min_cosine, agreement.mean_cosine),
        _more(f"{name}: same ten neighbours", agreement.top10_overlap, 1.0, unit="share"),
    ]


def _rate(
    name: str,
    measured: dict[str, ContenderResult],
    texts: str,
    must: float | None = None,
    target: float | None = None,
    *,
    threads: int = 1,
) -> Figure:
    ours, baseline = measured[name], measured[BASELINE]
    count = len(baseline.vectors[texts])
    label = f"{name}: {texts} texts" + (f", {threads} threads" if threads > 1 else "")
    return _more(label, count / ours.seconds[texts], count / baseline.seconds[texts], must, target, unit="texts/s")


def _agreement(name: str, least: float, mean: float) -> Figure:
    if name == "onnx-int8":
        return _more(f"{name}: mean cosine, of the limit", mean, INT8_MEAN_COSINE, 1.0, unit="cosine")
    return _more(f"{name}: least cosine, of the limit", least, MIN_COSINE, 1.0, unit="cosine")


def _more(
    label: str, ours: float, baseline: float, must: float | None = None, target: float | None = None, *, unit: str
) -> Figure:
    return Figure(label, round(ours, 5), round(baseline, 5), round(ours / baseline, 3), must, target, unit)


def _less(
    label: str, ours: float, baseline: float, must: float | None = None, target: float | None = None, *, unit: str
) -> Figure:
    return Figure(label, round(ours, 1), round(baseline, 1), round(baseline / ours, 3), must, target, unit)
