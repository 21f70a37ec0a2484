"""From the skeleton of a file to the columns of its table."""

from __future__ import annotations
