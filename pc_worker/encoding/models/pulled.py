"""Models that `models pull` downloaded: where they lie."""

from __future__ import annotations

from pathlib import Path

PULLED = "pulled"


def pulled_place(name: str, cache: Path) -> Path:
    """Return the folder of the pulled model ``name``, which need not exist."""
    return cache / PULLED / name.replace("/", "--")


def pulled_folder(name: str, cache: Path | None) -> Path | None:
    """Return the folder of a model that was pulled, or None: there it is whole or not at all."""
    if cache is None or name.startswith(".") or "\\" in name:
        return None
    place = pulled_place(name, cache)
    return place.resolve() if place.is_dir() else None
