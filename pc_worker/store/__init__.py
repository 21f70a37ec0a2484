"""PostgreSQL by concern. In `log`, the modules that the gateway uses are asynchronous; all others are synchronous."""

from __future__ import annotations
