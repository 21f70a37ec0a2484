"""Models behind an HTTP server that speaks OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

from pc_worker.encoding.remote.checked_engine import EngineOptions, engine_name
from pc_worker.encoding.remote.engine_encoder import EngineEncoder, identify_engine, load_engine
from pc_worker.encoding.remote.pace import Pace
from pc_worker.encoding.remote.prices import usd_per_token

__all__ = ["EngineEncoder", "EngineOptions", "Pace", "engine_name", "identify_engine", "load_engine", "usd_per_token"]
