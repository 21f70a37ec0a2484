"""Pickle files of records in; embedded, searchable, delivered rows out."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Libraries report to their makers what runs here, unless these are set when they are imported.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_variable, "1")

# gRPC starts its threads again in every forked process, although that only executes another program: some of these
# processes, such as servers that are about to start, then end with a signal. Read when gRPC starts.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
