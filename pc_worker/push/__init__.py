"""The client of a stock batch server: sends rows as the JSON that it reads, in short calls that it acknowledges.

The client is imported when it is first used: code that calls no server does without gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pc_worker.push.answer import NotAccepted
from pc_worker.push.rows import StockRow, stock_row
from pc_worker.push.rules import UnfitValue
from pc_worker.push.sender import PushLimits, Sender
from pc_worker.push.tables import StockTable, stock_domains, stock_table

if TYPE_CHECKING:
    from pc_worker.push.client import BatchServer

__all__ = [
    "BatchServer",
    "NotAccepted",
    "PushLimits",
    "Sender",
    "StockRow",
    "StockTable",
    "UnfitValue",
    "stock_domains",
    "stock_row",
    "stock_table",
]

_LATER = {"BatchServer": "client"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: the file that has it, with all that this one needs."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
