"""The client of a stock batch server: sends rows as the JSON that it reads, in short calls that it acknowledges."""

from __future__ import annotations

from pc_worker.push.client import BatchServer, NotAccepted
from pc_worker.push.rows import StockRow, stock_row
from pc_worker.push.rules import UnfitValue
from pc_worker.push.sender import PushLimits, Sender
from pc_worker.push.tables import StockTable, stock_domains, stock_table

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
