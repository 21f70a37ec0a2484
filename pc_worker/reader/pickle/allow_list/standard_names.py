"""Names of the standard library that cells are made of: dates, decimals, UUIDs, sets, zones."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any

from pc_worker.reader.cells import zones
from pc_worker.reader.errors import unsafe
from pc_worker.reader.pickle.described import Blank, Container, Symbol, Zone

_MAX_TEXT = 2500  # digits of a decimal; as many as the largest integer we take


def _exact(*kinds: type) -> Callable[[tuple[Any, ...]], bool]:
    def fits(args: tuple[Any, ...]) -> bool:
        return len(args) == len(kinds) and all(type(arg) is kind for arg, kind in zip(args, kinds, strict=True))

    return fits


def _need(fits: bool, name: str) -> None:
    if not fits:
        raise unsafe(f"{name} is called with arguments that no known writer gives it")


def _encode(args: tuple[Any, ...]) -> bytes:
    """Return the bytes that protocols 0 to 2 write as text whose characters are the byte values."""
    _need(len(args) == 2 and isinstance(args[0], str) and args[1] in ("latin1", "latin-1"), "_codecs.encode")
    return str(args[0]).encode("latin-1")


def _bytes(args: tuple[Any, ...]) -> bytes:
    _need(args == () or _exact(bytes)(args), "bytes")
    return args[0] if args else b""


def _bytearray(args: tuple[Any, ...]) -> bytearray:
    """Describe also ``bytearray(text, 'latin-1')``, which protocols 0 to 2 write."""
    if _exact(str, str)(args):
        return bytearray(_encode(args))
    return bytearray(_bytes(args))


def _slice(args: tuple[Any, ...]) -> slice:
    _need(len(args) == 3 and all(arg is None or type(arg) is int for arg in args), "slice")
    return slice(*args)


def _complex(args: tuple[Any, ...]) -> complex:
    _need(_exact(float, float)(args), "complex")
    return complex(*args)


def _datetime(args: tuple[Any, ...]) -> dt.datetime:
    _need(1 <= len(args) <= 2 and type(args[0]) is bytes and len(args[0]) == 10, "datetime")
    zone = _tzinfo(args[1]) if len(args) == 2 else None
    made: Any = dt.datetime  # the form that only pickles use: the ten bytes of its state
    return made(args[0], zone)  # type: ignore[no-any-return]  # a datetime


def _tzinfo(zone: object) -> dt.tzinfo | None:
    if zone is None or isinstance(zone, dt.timezone):
        return zone
    if isinstance(zone, Zone):
        return zone.tzinfo_at_offset()
    raise unsafe("a datetime has something else than a time zone")


def _date(args: tuple[Any, ...]) -> dt.date:
    _need(_exact(bytes)(args) and len(args[0]) == 4, "date")
    made: Any = dt.date  # the form that only pickles use
    return made(args[0])  # type: ignore[no-any-return]  # a date


def _time(args: tuple[Any, ...]) -> dt.time:
    _need(1 <= len(args) <= 2 and type(args[0]) is bytes and len(args[0]) == 6, "time")
    zone = _tzinfo(args[1]) if len(args) == 2 else None
    made: Any = dt.time  # the form that only pickles use
    return made(args[0], zone)  # type: ignore[no-any-return]  # a time


def _timedelta(args: tuple[Any, ...]) -> dt.timedelta:
    _need(_exact(int, int, int)(args), "timedelta")
    return dt.timedelta(*args)


def _timezone(args: tuple[Any, ...]) -> dt.timezone:
    _need(1 <= len(args) <= 2 and type(args[0]) is dt.timedelta, "timezone")
    return zones.fixed(args[0].total_seconds())


def _decimal(args: tuple[Any, ...]) -> decimal.Decimal:
    _need(_exact(str)(args) and len(args[0]) <= _MAX_TEXT, "Decimal")
    return decimal.Decimal(args[0])


def _zoneinfo(args: tuple[Any, ...]) -> Zone:
    _need(1 <= len(args) <= 2 and type(args[0]) is str, "ZoneInfo")
    return Zone(args[0])


def _getattr(args: tuple[Any, ...]) -> Symbol:
    """Describe only ``ZoneInfo._unpickle``: a class method, which pickle can only write as getattr."""
    match args:
        case (Symbol("zoneinfo", "ZoneInfo"), "_unpickle"):
            return Symbol("zoneinfo", "ZoneInfo._unpickle")
    raise unsafe("getattr is used for something else than ZoneInfo._unpickle")


def _pytz(args: tuple[Any, ...]) -> Zone:
    """Describe ``pytz._p(name)`` or ``pytz._p(name, offset, dst, abbreviation)``, offsets in seconds."""
    if _exact(str)(args):
        return Zone(args[0])
    _need(_exact(str, int, int, str)(args), "pytz._p")
    return Zone(args[0], args[1])


def _pytz_offset(args: tuple[Any, ...]) -> Zone:
    _need(_exact(int)(args), "pytz.FixedOffset")
    return Zone(None, args[0] * 60)


def _nothing(result: Any, name: str) -> Callable[[tuple[Any, ...]], Any]:
    def rule(args: tuple[Any, ...]) -> Any:
        _need(args == (), name)
        return result

    return rule


def _collection(kind: Callable[[Any], Any], name: str) -> Callable[[tuple[Any, ...]], Any]:
    """Describe ``set([...])`` and ``frozenset([...])``, as protocols 0 to 3 write them."""

    def rule(args: tuple[Any, ...]) -> Any:
        _need(args == () or _exact(list)(args), name)
        return kind(args[0] if args else ())

    return rule


def _ordered(args: tuple[Any, ...]) -> Container:
    _need(args == (), "OrderedDict")
    return Container("dict")


def _defaultdict(args: tuple[Any, ...]) -> Container:
    known = {"list", "int", "str", "dict", "set", "float"}
    _need(args == () or (len(args) == 1 and isinstance(args[0], Symbol) and args[0].name in known), "defaultdict")
    return Container("dict")


def _blank_uuid(args: tuple[Any, ...]) -> Blank:
    _need(args == (), "UUID")
    return Blank("uuid")


def uuid_with_state(state: object) -> uuid.UUID:
    """Return the UUID of the state ``{'int': n}``; ``is_safe`` may be next to it and says nothing about the value."""
    if not isinstance(state, dict) or not set(state) <= {"int", "is_safe"} or type(state.get("int")) is not int:
        raise unsafe("a UUID is given a state that no known writer gives it")
    return uuid.UUID(int=state["int"])


_BUILTINS = ("builtins", "__builtin__")
CALLS: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {
    ("_codecs", "encode"): _encode,
    ("datetime", "datetime"): _datetime,
    ("datetime", "date"): _date,
    ("datetime", "time"): _time,
    ("datetime", "timedelta"): _timedelta,
    ("datetime", "timezone"): _timezone,
    ("decimal", "Decimal"): _decimal,
    ("zoneinfo", "ZoneInfo._unpickle"): _zoneinfo,
    ("pytz", "_p"): _pytz,
    ("pytz", "_UTC"): _nothing(Zone("UTC"), "pytz._UTC"),
    ("pytz", "FixedOffset"): _pytz_offset,
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _defaultdict,
    **{(module, "bytes"): _bytes for module in _BUILTINS},
    **{(module, "bytearray"): _bytearray for module in _BUILTINS},
    **{(module, "slice"): _slice for module in _BUILTINS},
    **{(module, "complex"): _complex for module in _BUILTINS},
    **{(module, "getattr"): _getattr for module in _BUILTINS},
    **{(module, "set"): _collection(set, "set") for module in _BUILTINS},
    **{(module, "frozenset"): _collection(frozenset, "frozenset") for module in _BUILTINS},
}
CLASSES: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {
    ("uuid", "UUID"): _blank_uuid,
}
#: What defaultdict is given, and what getattr is asked of.
ARGUMENTS = frozenset(
    {("zoneinfo", "ZoneInfo")}
    | {(module, name) for module in _BUILTINS for name in ("list", "int", "str", "dict", "float")}
)
CONSTANTS: dict[tuple[str, str], Any] = {}
