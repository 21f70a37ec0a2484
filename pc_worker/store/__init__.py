"""PostgreSQL: ledger, merge, log, search; one module a concern. The `delivery*` modules are async, all others sync."""

from __future__ import annotations
