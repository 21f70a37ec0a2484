"""Time zones by name, loaded from the time zone database and never through a name that the file chose to import."""

from __future__ import annotations

import datetime as dt
import importlib.util
import re
import zoneinfo
from functools import lru_cache
from pathlib import Path

from pc_worker.reader.errors import Refused

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_MAX_NAME = 80
_MAX_OFFSET_S = 24 * 3600


@lru_cache(maxsize=64)
def named(name: str) -> dt.tzinfo:
    """Return the zone called ``name`` in the time zone database.

    Raises:
        Refused: If there is no such zone.
    """
    if name == "UTC":
        return dt.UTC
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise Refused("broken", f"{name[:60]!r} is not the name of a time zone")
    for root in _roots():
        path = root / name
        if path.is_file():
            try:
                with path.open("rb") as file:
                    return zoneinfo.ZoneInfo.from_file(file, key=name)
            except ValueError as error:  # such as the list of leap seconds, which lies next to the zones
                raise Refused("broken", f"{name!r} is not the name of a time zone") from error
    raise Refused("broken", f"the time zone {name!r} is unknown here; install the tzdata package")


def fixed(offset_s: float) -> dt.timezone:
    """Return the zone ``offset_s`` seconds east of UTC.

    Raises:
        Refused: If that is a day or more.
    """
    if not -_MAX_OFFSET_S < offset_s < _MAX_OFFSET_S:
        raise Refused("broken", "a time zone lies a day or more from UTC")
    return dt.timezone(dt.timedelta(seconds=offset_s))


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
