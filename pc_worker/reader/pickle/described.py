"""The inert parts that names and calls in a file become: described, never executed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pc_worker.reader.cells import zones
from pc_worker.reader.errors import Rejected, broken


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name that the file mentions and that is on the allow-list."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Marks:
    """Where bytes lie that the file holds as text: number ``numbers[i]`` of them at byte ``offsets[i]`` of the file."""

    numbers: tuple[int, ...]
    offsets: tuple[int, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes that stay where they are: ``length`` of them from byte ``start`` of the file.

    Attributes:
        text: They are UTF-8 text, which only protocols 0 to 2 use for arrays.
        marks: They are written as text of one character a byte, and found by these.
    """

    start: int
    length: int
    text: bool = False
    marks: Marks | None = None

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Array:
    """A numpy array as the file describes it; ``dtype`` None = not yet described (``_reconstruct`` before BUILD).

    ``data`` is the raw bytes in ``order``, a Payload of them, or for objects the items in C order. With
    ``axes``, the array is C-ordered in ``shape`` first and then transposed by ``axes``.
    """

    dtype: np.dtype[Any] | None
    shape: tuple[int, ...] = ()
    order: str = "C"
    data: Any = None
    axes: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return product(self.shape)

    def realised(self) -> np.ndarray:
        """Return the numpy array itself, with the described shape (n, …); only for data that is in memory.

        Raises:
            Rejected: If its type was never described, or a text has no characters.
        """
        if self.dtype is None:
            raise broken("an array is used before it is described")
        if self.dtype.hasobject:
            flat = np.empty(self.size, dtype=object)
            for index, item in enumerate(self.data):
                flat[index] = item
            return flat.reshape(self.shape)
        check_characters(flat := np.frombuffer(self.data, dtype=self.dtype))
        shaped = flat.reshape(self.shape, order="F" if self.order == "F" else "C")
        return shaped if self.axes is None else shaped.transpose(self.axes)


@dataclass(slots=True)
class Call:
    """A pandas or Arrow object as the file describes it: what it is, its arguments, and its state once built."""

    kind: str
    args: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Blank:
    """An object of a standard class whose content comes with BUILD."""

    kind: str


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone as the file describes it: its name in the database, its offset in seconds, or both.

    Attributes:
        name: Its name in the time zone database.
        offset_s: Its offset from UTC; with ``changes`` the one before the first of them.
        changes: Seconds since 1970 UTC at which its offset changes, and each new offset.
    """

    name: str | None
    offset_s: float | None = None
    changes: tuple[tuple[int, int], ...] = ()

    def tzinfo(self) -> dt.tzinfo:
        """Return the zone with all its offsets.

        Raises:
            Rejected: If it is unknown here, or not one.
        """
        if self.changes:
            return zones.changing(self.offset_s or 0, self.changes)
        return zones.named(self.name) if self.name is not None else zones.fixed(self.offset_s or 0)

    def tzinfo_at_offset(self) -> dt.tzinfo:
        """Return the zone at the offset that the file holds next to the name, if it does."""
        if self.offset_s is not None and not self.changes:
            return zones.fixed(self.offset_s)
        return self.tzinfo()


class Foreign(NamedTuple):
    """The first item of a list that holds an object that is no cell: its number, the class, the key if it is a row."""

    number: int
    what: str
    key: str | None = None


@dataclass(slots=True)
class Container:
    """A dict or list subclass that the items following it fill."""

    kind: str
    content: Any = field(default_factory=dict)


def class_name(value: Any) -> str:
    """Return what the class of the object that ``value`` describes is called."""
    if isinstance(value, Call):
        return _CLASSES.get(value.kind, value.kind)
    if isinstance(value, Zone | Blank):
        return "tzinfo"
    if isinstance(value, Array | np.ndarray):
        return "numpy.ndarray"
    return str(value) if isinstance(value, Symbol) else type(value).__name__


_CLASSES = {"ArrowArray": "pyarrow.Array", "ArrowChunks": "pyarrow.ChunkedArray", "Offset": "DateOffset"}


def product(shape: tuple[int, ...]) -> int:
    """Return the number of elements of ``shape``, in integers that cannot overflow."""
    count = 1
    for length in shape:
        count *= length
    return count


def check_characters(elements: np.ndarray) -> None:
    """Check that fixed-width texts consist of characters; numpy itself takes any number for one.

    Args:
        elements: Of any type and shape (n, …); only texts are checked.

    Raises:
        Rejected: If a number is for no character.
    """
    if elements.dtype.kind != "U":
        return
    codes = elements.view(np.dtype("u4").newbyteorder(elements.dtype.byteorder))
    if codes.size and int(codes.max()) > 0x10FFFF:
        raise broken("a fixed-width text holds something else than characters")


def check_shape(shape: object) -> tuple[int, ...]:
    """Return ``shape`` as a tuple of lengths that a numpy array may have.

    Raises:
        Rejected: If it is anything else.
    """
    if not isinstance(shape, tuple) or len(shape) > 32:
        raise broken("an array's shape is not a tuple of up to 32 lengths")
    if not all(type(length) is int and 0 <= length < 2**62 for length in shape):
        raise broken("an array's shape holds something else than lengths")
    if 0 in shape and product(tuple(filter(None, shape))) > _EMPTY:
        raise broken(f"an array of shape {shape} holds nothing in too many rows")
    return shape


#: Rows of an array whose rows are empty: they cost memory once they are lists, and no byte in the file.
_EMPTY = 1 << 20


def check_filled(array: Array) -> Array:
    """Return ``array`` if its data is exactly as long as its shape and type say.

    Raises:
        Rejected: If bytes are missing or left over.
    """
    if array.dtype is None:
        raise broken("an array has no type")
    needed = array.size if array.dtype.hasobject else array.size * array.dtype.itemsize
    if isinstance(array.data, bytes | bytearray) and not array.dtype.hasobject and len(array.data) == needed:
        check_characters(np.frombuffer(array.data, array.dtype))
    if len(array.data) != needed:
        unit = "items" if array.dtype.hasobject else "bytes"
        raise Rejected("broken", f"an array of shape {array.shape} needs {needed} {unit} and has {len(array.data)}")
    return array
