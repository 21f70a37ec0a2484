"""Draw the trace of one job, from its command to the queue: an ingest by a real stack, traced to a receiver here.

Usage: ``PYTHONPATH=. .venv/bin/python scripts/trace_picture.py docs/images/trace-of-a-job.png`` (needs matplotlib).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.homes import temporary_home
from tests.support.frames import write_documents
from tests.support.stack import LiveStack
from tests.support.trace_receiver import ReceivedSpan, TraceReceiver, receiving_traces
from tests.support.waiting import eventually

ROWS, CHUNK_ROWS = 900, 300
#: The colour of each part's spans, and of a chunk's stages.
COLOURS = {"cli": "#64748b", "worker": "#2563eb", "stage": "#0d9488"}


def main() -> None:
    """Write the picture to the path given as the only argument."""
    if len(sys.argv) != 2:
        sys.exit("error: give a path for the picture")
    with receiving_traces() as receiver, temporary_home() as folder:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        roots = {"PC_WORKER_DATA_ROOTS": str(folder), "PC_WORKER_CHUNK_SIZE": str(CHUNK_ROWS)}
        stack = LiveStack(folder / "home", settings | roots)
        stack.start()
        try:
            # Every process of the worker has its model loaded before the job that is drawn.
            stack.ingest(write_documents(folder / "warm.pkl", [f"warm {n}" for n in range(1200)]), "document")
            draw(list(spans_of_job(stack, receiver, folder)), Path(sys.argv[1]))
        finally:
            stack.stop()


def spans_of_job(stack: LiveStack, receiver: TraceReceiver, folder: Path) -> Iterator[tuple[int, ReceivedSpan]]:
    """Ingest a file and yield the spans of its trace with their depth, each below its parent."""
    texts = [f"note number {n} on valves, pumps and their upkeep in a plant" for n in range(ROWS)]
    job = stack.ingest(write_documents(folder / "notes.pkl", texts), "document")["job_id"]

    def of_job(name: str) -> list[ReceivedSpan]:
        return [span for span in receiver.named(name) if span.attributes.get("pcw.job_id") == job]

    eventually(lambda: len(of_job("process_chunk")) == ROWS // CHUNK_ROWS, what="each chunk's span")
    (root,) = of_job("enqueue")
    eventually(lambda: of_job("ingest_file"), what="the span of the split")
    yield from below(receiver, root, 0)


def below(receiver: TraceReceiver, span: ReceivedSpan, depth: int) -> Iterator[tuple[int, ReceivedSpan]]:
    """Yield a span and those below it, in the order of their beginnings."""
    yield depth, span
    for child in sorted(receiver.below(span), key=lambda one: one.began_ns):
        yield from below(receiver, child, depth + 1)


def draw(spans: list[tuple[int, ReceivedSpan]], path: Path) -> None:
    """Draw one bar for each span, from its beginning to its end."""
    import matplotlib as mpl  # only this picture needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    began_ns = min(span.began_ns for _, span in spans)
    figure: Any
    figure, axes = plt.subplots(figsize=(10, 0.8 + 0.26 * len(spans)), layout="constrained")
    longest_s = (max(span.ended_ns for _, span in spans) - began_ns) / 1e9
    for row, (depth, span) in enumerate(spans):
        at_s, took_s = (span.began_ns - began_ns) / 1e9, (span.ended_ns - span.began_ns) / 1e9
        kind = "stage" if depth > 2 else span.attributes["pcw.part"]
        axes.barh(row, max(took_s, longest_s / 500), left=at_s, height=0.7, color=COLOURS[kind])
        axes.text(at_s + took_s + longest_s / 150, row, f"{took_s * 1000:,.0f} ms", va="center", fontsize=8)
    labels = ["    " * depth + named(span) for depth, span in spans]
    axes.set_yticks(range(len(spans)), labels, fontsize=9, ha="left")
    axes.tick_params(axis="y", length=0, pad=150)
    axes.set(xlabel="seconds since the command sent the job", xlim=(0, 1.12 * longest_s))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(f"The trace of a job of {ROWS:,} rows", loc="left", fontsize=11)
    figure.savefig(path, dpi=110)


def named(span: ReceivedSpan) -> str:
    """Return what a span is called in the picture."""
    number = span.attributes.get("pcw.chunk_no") if span.name == "process_chunk" else None
    return span.name if number is None else f"{span.name} {number}"


if __name__ == "__main__":
    main()
