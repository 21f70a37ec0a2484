"""Looks names, calls and states up in the allow-list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import Rejected, broken, unsafe
from pc_worker.reader.pickle.allow_list import (
    arrow_names,
    former_pandas,
    numpy_names,
    pandas_names,
    standard_names,
    value_names,
    zone_names,
)
from pc_worker.reader.pickle.allow_list.advice import not_listed
from pc_worker.reader.pickle.described import Array, Blank, Call, Symbol

Rule = Callable[[tuple[Any, ...]], Any]
Key = tuple[str, str]

_TABLES = (standard_names, value_names, zone_names, numpy_names, pandas_names, former_pandas, arrow_names)
#: name → what REDUCE of it with a tuple of arguments returns.
CALLS: dict[Key, Rule] = {key: rule for table in _TABLES for key, rule in table.CALLS.items()}
#: name → what NEWOBJ of it returns.
CLASSES: dict[Key, Rule] = {key: rule for table in _TABLES for key, rule in table.CLASSES.items()}
#: names that are only ever arguments.
ARGUMENTS: frozenset[Key] = frozenset(key for table in _TABLES for key in table.ARGUMENTS)
#: names that are for a value.
CONSTANTS: dict[Key, Any] = {key: value for table in _TABLES for key, value in table.CONSTANTS.items()}
_RECONSTRUCTORS = {("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")}
_OBJECT = {("builtins", "object"), ("__builtin__", "object")}
_NAMES = {*CALLS, *CLASSES, *ARGUMENTS, *_RECONSTRUCTORS, *_OBJECT}


def admitted(module: object, name: object) -> Any:
    """Return the inert symbol, or the constant, for an exact pair on the allow-list.

    Raises:
        Rejected: For every other pair.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise unsafe("a name in the file is not written as text")
    key = (module, name)
    if key in CONSTANTS:
        return CONSTANTS[key]
    if key not in _NAMES:
        if (rejection := former_pandas.too_old(module, name)) is not None:
            raise rejection
        raise not_listed(module, name)
    return Symbol(module, name)


def call(function: object, args: object) -> Any:
    """Return what the file means by calling ``function`` with ``args``; nothing is called.

    Raises:
        Rejected: If the pair of name and arguments is not one that a known writer produces.
    """
    if isinstance(function, Call):
        return former_pandas.block_made(function, args)
    if not isinstance(function, Symbol) or not isinstance(args, tuple):
        raise unsafe("something else than an allow-listed name is called")
    key = (function.module, function.name)
    if key in _RECONSTRUCTORS:
        return _reconstructed(args)
    rule = CALLS.get(key)
    if rule is None:
        raise unsafe(f"{function} is called, which no known writer does")
    return _applied(rule, args, str(function))


def construct(cls: object, args: object) -> Any:
    """Return what the file means by creating a ``cls`` with ``args``; nothing is created.

    Raises:
        Rejected: If no known writer does that.
    """
    if not isinstance(cls, Symbol) or not isinstance(args, tuple):
        raise unsafe("something else than an allow-listed class is created")
    rule = CLASSES.get((cls.module, cls.name))
    if rule is None:
        raise unsafe(f"a {cls} is created, which no known writer does")
    return _applied(rule, args, str(cls))


def build(value: object, state: object) -> Any:
    """Describe ``value`` once ``state`` is set on it.

    Raises:
        Rejected: If ``value`` takes no state, or not this one.
    """
    if isinstance(value, Call):
        return pandas_names.with_state(value, state)
    for kind, rule in _STATES:
        if isinstance(value, kind):
            return _applied(rule, (value, state), type(value).__name__)
    raise unsafe(f"a state is set on a value of type {type(value).__name__}")


def _blank_with_state(blank: Blank, state: object) -> Any:
    return standard_names.uuid_with_state(state) if blank.kind == "uuid" else zone_names.zone_with_state(blank, state)


_STATES: tuple[tuple[type, Rule], ...] = (
    (Array, lambda pair: numpy_names.array_with_state(*pair)),
    (numpy_names.Described, lambda pair: numpy_names.dtype_with_state(*pair)),
    (Blank, lambda pair: _blank_with_state(*pair)),
)


def _reconstructed(args: tuple[Any, ...]) -> Any:
    match args:
        case (Symbol() as cls, Symbol() as base, None) if (base.module, base.name) in _OBJECT:
            return construct(cls, ())
        case (Symbol("dateutil.tz.tz") as cls, Symbol("datetime", "tzinfo"), Blank("tzinfo")):
            return construct(cls, ())
    raise unsafe("copyreg._reconstructor is used for something else than a plain object")


def _applied(rule: Rule, args: tuple[Any, ...], name: str) -> Any:
    """Apply ``rule``; what the standard types refuse (a date of month 13) is a broken file."""
    try:
        return rule(args)
    except Rejected:
        raise
    except (TypeError, ValueError, OverflowError, ArithmeticError, LookupError, AttributeError) as error:
        raise broken(f"{name} is given arguments that no writer gives it ({type(error).__name__})") from error
