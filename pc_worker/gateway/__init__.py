"""The gateway: serves the delivery logs over gRPC and never sends faster than its clients read."""

from __future__ import annotations

from pc_worker.gateway.config import GatewayConfig, OnReady, SearchFunction
from pc_worker.gateway.server import serve
from pc_worker.gateway.supervision import supervised_thread

__all__ = ["GatewayConfig", "OnReady", "SearchFunction", "serve", "supervised_thread"]
