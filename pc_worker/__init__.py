"""Pickle files of records in; embedded, searchable, delivered rows out."""

from __future__ import annotations

__version__ = "0.1.0"
