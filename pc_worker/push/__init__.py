"""The client that feeds a stock batch server: rows as its JSON, in short calls that it acknowledges."""

from __future__ import annotations

from pc_worker.push.client import BatchServer, Refused
from pc_worker.push.rows import StockRow, stock_row
from pc_worker.push.rules import Unfit
from pc_worker.push.sender import Pace, Sender
from pc_worker.push.tables import StockTable, stock_domains, stock_table

__all__ = [
    "BatchServer",
    "Pace",
    "Refused",
    "Sender",
    "StockRow",
    "StockTable",
    "Unfit",
    "stock_domains",
    "stock_row",
    "stock_table",
]
