"""How search latency grows with the rows: ``python -m pc_worker.bench.search.growth OUT.png [ROWS …]`` (matplotlib)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from psycopg2 import sql

from pc_worker.bench.own_database import own_database
from pc_worker.bench.processor import processor
from pc_worker.bench.search.collection import Collection
from pc_worker.bench.search.compare import MODES, fill, latencies
from pc_worker.services.search.request import Mode
from pc_worker.store.db.connection import Database

SIZES = (10_000, 30_000, 100_000, 300_000)


@dataclass(frozen=True, slots=True)
class Point:
    """Latency of a mode at a size, in milliseconds, one search at a time."""

    rows: int
    mode: Mode
    p50: float
    p99: float


def measure(sizes: Sequence[int] = SIZES) -> list[Point]:
    """Fill one domain to each size in turn, rebuild its index, and measure every mode."""
    collection, points = Collection(), []
    with own_database() as url:
        database = Database(url, application="bench")
        for rows in sizes:
            _drop_indexes(database)  # adding to one row by row takes five times as long as building it
            fill(database, collection, rows)
            for mode in MODES:
                times = latencies(url, collection, mode, clients=1)
                points.append(Point(rows, mode, *(float(np.percentile(times, share)) for share in (50, 99))))
        database.close()
    return points


def _drop_indexes(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embeddings\\_ann\\_%'")
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))


def draw(points: Sequence[Point], path: Path) -> None:
    """Draw P50 and P99 of each mode over the rows, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for mode in MODES:
        own = [point for point in points if point.mode == mode]
        (line,) = axes.plot([p.rows for p in own], [p.p50 for p in own], marker="o", label=f"{mode}, P50")
        axes.plot(
            [p.rows for p in own], [p.p99 for p in own], "--", marker=".", color=line.get_color(), label=f"{mode}, P99"
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows of 384 dimensions")
    axes.set_ylabel("milliseconds, one search at a time")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png", dpi=120)


def main(path: Path, sizes: Sequence[int] = SIZES) -> None:
    """Measure, print and draw."""
    sys.stdout.write(f"{processor()}\n")
    points = measure(sizes)
    for point in points:
        sys.stdout.write(f"{point.rows:>8} {point.mode:<7} P50 {point.p50:7.1f} ms  P99 {point.p99:7.1f} ms\n")
    draw(points, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sorted(map(int, sys.argv[2:])) or SIZES)
