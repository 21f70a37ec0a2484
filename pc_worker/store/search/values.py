"""What filters compare: the one form of equal values, and numbers and times as ordered integers.

The same rules as `filter_text`, `filter_number` and `filter_time` in the database: values that are equal there have the
same form here.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

#: A number as JSON writes it, so `007` and `+5` are text.
NUMBER = re.compile(r"(?=.{1,400}\Z)-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.DOTALL)
#: A date with or without a time and a zone; without a zone it is UTC.
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9])(?:[.]([0-9]{1,9}))?)?"
    r"(?: ?(?:Z|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?))?)?"
)
#: Larger integers have more digits than a number of a filter may have.
MAX_NUMBER_BITS = 1_400
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # offsets are subtracted by hand: they may lead out of the years 1..9999
EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SIGN = 1 << 63

Kind = Literal["n", "t"]


def value_form(value: object) -> str | None:
    """Return the form that all equal values share; None for null and for values that are not scalar.

    >>> [value_form(value) for value in (5, 5.0, "5.00", "05", True, "x", None)]
    ['5', '5', '5', '05', 'true', 'x', None]
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() <= MAX_NUMBER_BITS else None
        case float():
            return number_form(repr(value))
        case str() if not may_be_number(value):
            return value
        case str() if NUMBER.fullmatch(value):
            return number_form(value)
        case str():
            time = microseconds(value)
            return value if time is None else f"\1{time}"
    return None


def may_be_number(text: str) -> bool:
    """Return whether a text may be a number or a time: most texts are known by their first character."""
    return text[:1].isdigit() or text[:1] == "-"


def number_form(number: str) -> str:
    """Return a number without exponent and without zeros at its end.

    >>> [number_form(text) for text in ("5.00", "-0", "1e3", "50", "2.50e-1")]
    ['5', '0', '1000', '50', '0.25']
    """
    text = format(Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def microseconds(text: str) -> int | None:
    """Return the microseconds of a date since 1970; None if the text is no date.

    >>> [microseconds(text) for text in ("1970-01-02", "1970-01-01T09:00:01+09:00", "1970-13-01")]
    [86400000000, 1000000, None]
    """
    match = TIME.fullmatch(text)
    if match is None:
        return None
    day, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}")
    except ValueError:
        return None
    offset = 60 * (60 * int(hours or 0) + int(minutes or 0)) * (-1 if sign == "-" else 1)
    return (time - EPOCH) // MICROSECOND + round(float(f"0.{fraction or 0}") * 1_000_000) - offset * 1_000_000


def ordered(value: object) -> tuple[Kind, int] | None:
    """Return a number or time as an integer of 64 bits in the same order; None if the value is neither."""
    match value:
        case bool():
            return None
        case float():
            return "n", ordered_bits(value)
        case int():
            return ("n", ordered_bits(_float(value))) if value.bit_length() <= MAX_NUMBER_BITS else None
        case str() if not may_be_number(value):
            return None
        case str() if NUMBER.fullmatch(value):
            return "n", ordered_bits(_float(value))
        case str():
            time = microseconds(value)
            return None if time is None else ("t", ordered_bits(float(time)))
    return None


def _float(number: str | int) -> float:
    return float(Decimal(number))  # what is too large is infinite, not an error


def ordered_bits(number: float) -> int:
    """Return the bits of a float as an integer of 64 bits in the same order.

    >>> numbers = [float("-inf"), -2.5, 0.0, 1e-9, 7.0, float("inf")]
    >>> [ordered_bits(number) for number in numbers] == sorted(ordered_bits(number) for number in numbers)
    True
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))  # -0.0 becomes 0.0
    return int(bits ^ (2 * SIGN - 1) if bits & SIGN else bits | SIGN)
