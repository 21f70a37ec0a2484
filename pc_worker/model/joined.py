"""The name under which the passages of a domain are stored whose rows are joined."""

from __future__ import annotations

#: No declared domain may have a name that ends so.
SUFFIX = ".joined"


def joined_name(domain: str) -> str:
    """Return the name under which a domain's joined passages are stored and searched."""
    return domain + SUFFIX


def is_joined_name(name: str) -> bool:
    """Return whether a name is that of joined passages, which are no domain of a user."""
    return name.endswith(SUFFIX)


def rows_domain(name: str) -> str:
    """Return the domain whose rows are stored under a name, or joined into the passages under it."""
    return name.removesuffix(SUFFIX)
