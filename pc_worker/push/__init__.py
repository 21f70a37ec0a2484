"""The client of a stock batch server: sends rows as the JSON that it reads, in short calls that it acknowledges.

The client is imported when it is first used: code that calls no server does without gRPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pc_worker.late_names import late_names
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

__getattr__ = late_names(__name__, {"BatchServer": "client"})
