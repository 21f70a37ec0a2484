"""Language models of several providers: one request to one model, what it cost, and why it failed.

The libraries of the providers are imported with ``clients`` and ``ask``, not with this package.
"""

from __future__ import annotations

from pc_worker.llm.breaker import Breaker
from pc_worker.llm.failures import LlmFailure, Reason
from pc_worker.llm.prices import PriceTable
from pc_worker.llm.usage import Usage

__all__ = ["Breaker", "LlmFailure", "PriceTable", "Reason", "Usage"]
