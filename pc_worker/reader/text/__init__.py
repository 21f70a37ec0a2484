"""Text tables: their encoding, their dialect, their cells."""

from __future__ import annotations
