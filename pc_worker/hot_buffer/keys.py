"""The Redis keys of a domain's ring."""

from __future__ import annotations


def ring_keys(domain: str) -> tuple[str, str, str]:
    """Return the keys of a domain's entries (hash: first position → entry), their order (sorted set) and its state.

    The braces keep a domain's keys on one node of a cluster. State: epoch and bytes held.
    """
    base = f"pcw:queue:{{{domain}}}"
    return f"{base}:entries", f"{base}:order", f"{base}:state"
