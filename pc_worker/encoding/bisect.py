"""Find the faulty items of a batch by halving it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=Exception)


def bisect(
    items: Sequence[Item],
    act: Callable[[Sequence[Item]], Sequence[Result]],
    *,
    failure: type[Failure],
) -> list[Result | Failure]:
    """Return per item its result, or the failure that it causes on its own; order is kept.

    ``act`` is called on all items first, then on halves of what failed: about
    ``2 · bad · log2(n)`` calls more. Only ``failure`` is attributed to items; any other
    exception is raised.

    >>> bisect([1, 0, 2], lambda part: [6 // n for n in part], failure=ZeroDivisionError)
    [6, ZeroDivisionError('integer division or modulo by zero'), 3]
    """
    if not items:
        return []
    try:
        return list(act(items))
    except failure as error:
        if len(items) == 1:
            return [error]
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [result for half in halves for result in bisect(half, act, failure=failure)]
