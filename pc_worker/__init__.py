"""Pickle files of records in; embedded, searchable, delivered rows out."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Libraries report to their makers what runs here, unless these are set when they are imported.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_variable, "1")
