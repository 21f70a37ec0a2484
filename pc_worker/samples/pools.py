"""The pools from which samples are drawn, as ``pools.toml`` lists them."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pools:
    """Names to draw from; ``skills`` by category, ``modules`` of Python's standard library."""

    companies: list[str]
    english_levels: list[str]
    languages: list[str]
    modules: list[str]
    skills: dict[str, list[str]]


@functools.cache
def pools() -> Pools:
    """Return the pools, read once."""
    return Pools(**tomllib.loads(Path(__file__).with_name("pools.toml").read_text("utf-8")))
