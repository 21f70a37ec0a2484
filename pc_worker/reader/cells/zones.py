"""Time zones by name, loaded from the time zone database and never through a name that the file chose to import."""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import re
import struct
import zoneinfo
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from pc_worker.reader.errors import Rejected

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_MAX_NAME = 80
_MAX_OFFSET_S = 24 * 3600
_MAX_OFFSETS = 250


@lru_cache(maxsize=64)
def named(name: str) -> dt.tzinfo:
    """Return the zone called ``name`` in the time zone database.

    Raises:
        Rejected: If there is no such zone.
    """
    if name == "UTC":
        return dt.UTC
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise Rejected("broken", f"{name[:60]!r} is not the name of a time zone")
    for root in _roots():
        path = root / name
        if path.is_file():
            try:
                with path.open("rb") as file:
                    return zoneinfo.ZoneInfo.from_file(file, key=name)
            except ValueError as error:  # such as the list of leap seconds, which is next to the zones
                raise Rejected("broken", f"{name!r} is not the name of a time zone") from error
    raise Rejected("broken", f"the time zone {name!r} is unknown here; install the tzdata package")


def fixed(offset_s: float) -> dt.timezone:
    """Return the zone ``offset_s`` seconds east of UTC.

    Raises:
        Rejected: If that is a day or more.
    """
    if not -_MAX_OFFSET_S < offset_s < _MAX_OFFSET_S:
        raise Rejected("broken", "a time zone lies a day or more from UTC")
    return dt.timezone(dt.timedelta(seconds=offset_s))


@lru_cache(maxsize=64)
def changing(before: float, changes: tuple[tuple[int, int], ...]) -> dt.tzinfo:
    """Return the zone whose offset is ``before``, and changes at each of these seconds since 1970 UTC to a new one.

    Raises:
        Rejected: If the changes are not in order, or an offset is a day or more.
    """
    offsets = list(dict.fromkeys((int(before), *(offset for _, offset in changes))))
    times = [time for time, _ in changes]
    if len(offsets) > _MAX_OFFSETS or any(now >= later for now, later in pairwise(times)):
        raise Rejected("broken", "a time zone's changes are not in order, or too many")
    if any(not -_MAX_OFFSET_S < offset < _MAX_OFFSET_S for offset in offsets):
        raise Rejected("broken", "a time zone lies a day or more from UTC")
    if any(not -(2**31) <= time < 2**31 for time in times):
        raise Rejected("broken", "a time zone changes in a year that its writer does not know")
    # Of the time zone database's format (TZif, version 1) only the changes are used: no summer time, no real names.
    head = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, len(times), len(offsets), 1)
    kinds = bytes(offsets.index(offset) for _, offset in changes)
    types = b"".join(struct.pack(">lbb", offset, 0, 0) for offset in offsets)
    return zoneinfo.ZoneInfo.from_file(
        io.BytesIO(head + struct.pack(f">{len(times)}l", *times) + kinds + types + b"\0")
    )


def of_text(text: str) -> dt.tzinfo:
    """Return the zone that pandas or Arrow writes as ``text``: a name, ``UTC`` or ``+09:00``."""
    offset = re.fullmatch(r"(?:UTC)?([+-])(\d\d):?(\d\d)", text)
    if offset is None:
        return named(text)
    seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
    return fixed(-seconds if offset[1] == "-" else seconds)


def _roots() -> list[Path]:
    roots = [Path(path) for path in zoneinfo.TZPATH]
    # The package tzdata is the fallback database, where the system has none.
    package = importlib.util.find_spec("tzdata")
    return [*roots, Path(package.origin).parent / "zoneinfo"] if package is not None and package.origin else roots
