"""Names of time zones of dateutil and psycopg2: objects whose state says what they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import not_a_table, unsafe
from pc_worker.reader.pickle.described import Blank, Zone

Rule = Callable[[tuple[Any, ...]], Any]
_DATEUTIL, _PSYCOPG = "dateutil.tz.tz", "psycopg2.tz"
#: What dateutil stores of a zone's file besides the changes, which are enough.
_FILE_STATE = frozenset({"_trans_list_utc", "_trans_idx", "_ttinfo_before", "_ttinfo_std"})


def _blank(kind: str, *kinds: tuple[type, ...]) -> Rule:
    """Return a rule for an object that is created without arguments, or with these, and gets its state later."""

    def rule(args: tuple[Any, ...]) -> Blank:
        if args and not (len(args) == len(kinds) and all(map(isinstance, args, kinds))):
            raise unsafe(f"a {kind} is made in a way that no known writer uses")
        return Blank(kind)

    return rule


def _utc(args: tuple[Any, ...]) -> Zone:
    if args:
        raise unsafe("a tzutc is made in a way that no known writer uses")
    return Zone("UTC")


def _offset(args: tuple[Any, ...]) -> Zone:
    """Describe dateutil's fixed offset, which Python 3.11 and later writes with name and offset."""
    match args:
        case (str() | None, dt.timedelta() as offset):
            return Zone(None, offset.total_seconds())
    raise unsafe("a tzoffset is made in a way that no known writer uses")


def _offset_or_blank(args: tuple[Any, ...]) -> Zone | Blank:
    return _offset(args) if args else Blank("tzoffset")


def _named(args: tuple[Any, ...]) -> Zone:
    """Describe a zone of the database that dateutil contains."""
    match args:
        case (str() as name,):
            return Zone(name)
    raise unsafe("dateutil's gettz is called with arguments that no known writer gives it")


def zone_with_state(blank: Blank, state: object) -> Zone:
    """Return the zone that ``blank`` becomes by its state.

    Raises:
        Rejected: If no known writer writes that state, or it does not determine the zone.
    """
    match blank.kind, state:
        case "tzoffset", {"_name": str() | None, "_offset": dt.timedelta() as offset}:
            return Zone(None, offset.total_seconds())
        case "FixedOffsetTimezone", {"_offset": dt.timedelta() as offset}:
            return Zone(None, offset.total_seconds())
        case "ttinfo", {"offset": int() | float() as offset}:
            return Zone(None, offset)
        case "tzlocal", {"_hasdst": False, "_std_offset": dt.timedelta() as offset}:
            return Zone(None, offset.total_seconds())
        case "tzlocal", {"_hasdst": True}:
            raise not_a_table(
                "a time zone is the local one of the machine that wrote the file (tzlocal), which has summer time; "
                "convert the timestamps to a named zone or to UTC"
            )
        case "tzfile", dict() if _FILE_STATE.issubset(state):
            return _of_file(state)
    raise unsafe(f"a {blank.kind} is given a state that no known writer gives it")


def _of_file(state: dict[Any, Any]) -> Zone:
    """Return a zone that dateutil has read from a file: its changes as the pickle holds them."""
    match state["_trans_list_utc"], state["_trans_idx"], state["_ttinfo_before"] or state["_ttinfo_std"]:
        case tuple() | None as times, tuple() | None as kinds, Zone(offset_s=before):
            times, kinds = times or (), kinds or ()
            known = all(type(time) is int for time in times) and all(isinstance(kind, Zone) for kind in kinds)
            if known and len(times) == len(kinds):
                changes = zip(times, (int(kind.offset_s or 0) for kind in kinds), strict=True)
                return Zone(None, before, tuple(changes))
    raise unsafe("a tzfile is given a state that no known writer gives it")


_SPAN, _TEXT = (dt.timedelta, int), (str, type(None))
CALLS: dict[tuple[str, str], Rule] = {
    (_DATEUTIL, "tzutc"): _utc,
    (_DATEUTIL, "tzoffset"): _offset_or_blank,
    (_DATEUTIL, "tzlocal"): _blank("tzlocal"),
    (_DATEUTIL, "tzfile"): _blank("tzfile", (type(None),), _TEXT),
    ("dateutil.zoneinfo", "gettz"): _named,
    (_PSYCOPG, "FixedOffsetTimezone"): _blank("FixedOffsetTimezone", _SPAN, _TEXT),
    ("datetime", "tzinfo"): _blank("tzinfo"),
}
CLASSES: dict[tuple[str, str], Rule] = {
    (_DATEUTIL, "tzutc"): _utc,
    (_DATEUTIL, "tzoffset"): _blank("tzoffset"),
    (_DATEUTIL, "tzlocal"): _blank("tzlocal"),
    (_DATEUTIL, "_ttinfo"): _blank("ttinfo"),
}
ARGUMENTS: frozenset[tuple[str, str]] = frozenset()
CONSTANTS: dict[tuple[str, str], Any] = {}
