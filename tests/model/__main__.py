"""``python -m tests.model --seed N --operations M [--seeds K]``: a long run, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from tests.integration.gateway.servers import running_servers
from tests.model.run import Failed, run


def main() -> int:
    """Run seeds one after another; 1 if something was lost, doubled or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after another")
    parser.add_argument("--operations", type=int, default=500, help="of each seed")
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, failed, done = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="pcw-model-") as folder, running_servers(Path(folder) / "home") as servers:
        for seed in range(wanted.seed, wanted.seed + wanted.seeds):
            try:
                counts = asyncio.run(run(servers, Path(folder), seed=seed, operations=wanted.operations))
                queued = counts.pop("rows from the queue")
                done += counts.total()
                each = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
                print(
                    f"seed {seed}: {counts.total()} operations, lost 0, doubled 0; {queued} rows from the queue; {each}"
                )
            except Failed as exc:
                failed += 1
                print(f"seed {seed}: {exc}", file=sys.stderr, flush=True)
    print(f"in all {done} operations, {wanted.seeds} seeds, {failed} failed, {time.monotonic() - began:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
