"""Who may do what: tokens with their domains and roles, for the gateway and the HTTP part."""

from __future__ import annotations

from pc_worker.access.grant import ALL_ROLES, EVERYTHING, Grant, Role
from pc_worker.access.tokens import TokenTable, digest_of, read_tokens

__all__ = ["ALL_ROLES", "EVERYTHING", "Grant", "Role", "TokenTable", "digest_of", "read_tokens"]
