"""The gateway: serves the delivery logs over gRPC and never sends faster than its clients read.

Its server is imported from ``pc_worker.gateway.server``: gRPC is loaded only where it runs.
"""

from __future__ import annotations

from pc_worker.gateway.config import GatewayConfig, OnReady, SearchFunction

__all__ = ["GatewayConfig", "OnReady", "SearchFunction"]
