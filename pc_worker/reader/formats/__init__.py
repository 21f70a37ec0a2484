"""The file formats that the reader knows, one module each; ``base`` says what a format is."""

from __future__ import annotations
