"""Models behind an HTTP server that speaks OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

from pc_worker.encoding.remote.checked_engine import EngineOptions
from pc_worker.encoding.remote.engine_encoder import EngineEncoder, identify_engine
from pc_worker.encoding.remote.engine_limits import EngineLimits
from pc_worker.encoding.remote.prices import usd_per_token

__all__ = ["EngineEncoder", "EngineLimits", "EngineOptions", "identify_engine", "usd_per_token"]
