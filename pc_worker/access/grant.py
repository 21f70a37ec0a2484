"""A grant: what the caller of one request may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pc_worker.errors import PermissionDenied

Role = Literal["read", "write", "admin"]
ALL_ROLES: frozenset[Role] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do.

    Attributes:
        token: What identifies the caller: the sha256 of its token, or the subject of its JWT; None without either.
        domains: The domains it is for; None = all.
        roles: What it may do with them. No role includes another one.
        name: What people call the caller, for logs.
    """

    token: str | None
    domains: frozenset[str] | None
    roles: frozenset[Role] = ALL_ROLES
    name: str | None = None

    def allows(self, domain: str) -> bool:
        """Return whether the grant is for ``domain``."""
        return self.domains is None or domain in self.domains

    def check(self, domain: str) -> None:
        """Check that the grant is for ``domain``.

        Raises:
            PermissionDenied: If it is not.
        """
        if not self.allows(domain):
            raise PermissionDenied(f"this token is not for domain {domain[:80]!r}")

    def check_role(self, role: Role) -> None:
        """Check that the grant has ``role``.

        Raises:
            PermissionDenied: If it has not.
        """
        if role not in self.roles:
            has = ", ".join(sorted(self.roles)) or "none"
            raise PermissionDenied(f"this token does not have the role {role!r}; it has: {has}")


#: Without any configured token every caller may do everything.
EVERYTHING = Grant(None, None)
