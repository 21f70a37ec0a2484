"""Lists in pages: `limit` and an opaque `cursor`, which stands for the last item of the page before."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from pc_worker.errors import InvalidCursor

T = TypeVar("T")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR_CHARS = 2_000
NOT_OF_THIS_LIST = "the cursor is not one of this list: begin without one"


class ListPage(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one.")


@dataclass(frozen=True, slots=True)
class Paging:
    """What a request asks of a list."""

    limit: int
    cursor: str | None

    def after(self, name: str, *kinds: type) -> tuple[Any, ...] | None:
        """Return the key of the item that the page begins after; None for the first page.

        Args:
            name: Which list it is: cursors of other lists are refused.
            kinds: The types of the key's parts: str, int, float, bool, NoneType, or datetime with its offset.

        Raises:
            InvalidCursor: If the cursor is not one of this list.
        """
        if self.cursor is None:
            return None
        of_list, *key = _decoded(self.cursor)
        if of_list != name or len(key) != len(kinds):
            raise InvalidCursor(NOT_OF_THIS_LIST)
        return tuple(map(_part, key, kinds))

    def page(self, name: str, found: Sequence[T], key: Callable[[T], tuple[Any, ...]]) -> ListPage[T]:
        """Return a page of the items found after the cursor, of which there must be one more if there is a next page.

        Args:
            name: Which list it is.
            found: Up to ``limit`` + 1 items, or more.
            key: Returns the key of an item, which sorts the list.
        """
        items = list(found[: self.limit])
        more = len(found) > self.limit
        return ListPage(items=items, next_cursor=encoded_cursor(name, key(items[-1])) if more else None)

    def cut(self, name: str, everything: Sequence[T], key: Callable[[T], tuple[Any, ...]], *kinds: type) -> ListPage[T]:
        """Return a page of a short list that is known whole, sorted by ``key``; it may be empty by now.

        Raises:
            InvalidCursor: If the cursor is not one of this list.
        """
        after = self.after(name, *kinds)
        return self.page(
            name, [item for item in sorted(everything, key=key) if after is None or key(item) > after], key
        )


def encoded_cursor(name: str, key: tuple[Any, ...]) -> str:
    """Return the cursor of a list for the pages after the item with this key."""
    parts = (part.isoformat() if isinstance(part, datetime) else part for part in key)
    text = json.dumps([name, *parts], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise InvalidCursor("the cursor is broken: pass it on as it was returned") from exc
    if not isinstance(key, list) or not key or not all(_is_storable(part) for part in key):
        raise InvalidCursor("the cursor is broken: pass it on as it was returned")
    return key


def _part(part: Any, kind: type) -> Any:
    if kind is datetime and isinstance(part, str):
        return _moment(part)
    if type(part) is not kind:
        raise InvalidCursor(NOT_OF_THIS_LIST)
    return part


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)  # PostgreSQL takes fewer offsets than Python
    except (ValueError, OverflowError) as exc:
        raise InvalidCursor(NOT_OF_THIS_LIST) from exc


def _is_storable(part: object) -> bool:
    """Return whether PostgreSQL can compare a part: no NUL, no lone surrogates, no number beyond 64 bits."""
    if isinstance(part, str):
        return "\0" not in part and part.isascii() | (part.encode("utf-8", "replace").decode() == part)
    return not isinstance(part, int) or -(2**63) <= part < 2**63


async def _paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the page before.")
    ] = None,
) -> Paging:
    return Paging(limit, cursor)


#: For parameters of routes: ``paging: Pages``.
Pages = Annotated[Paging, Depends(_paging)]
