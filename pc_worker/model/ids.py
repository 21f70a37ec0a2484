"""UUIDs as text: the one rule for what is a UUID."""

from __future__ import annotations

import re
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def is_uuid(text: str) -> bool:
    """Return whether ``text`` is a UUID of 36 characters, in either case.

    ``uuid.UUID`` itself also accepts braces, underscores and digits of other scripts.
    """
    return _UUID.fullmatch(text) is not None


def read_uuid(text: str) -> UUID | None:
    """Return the UUID of a text of 36 characters, in either case; None for any other text."""
    return UUID(text) if is_uuid(text) else None


def read_canonical_uuid(text: str) -> UUID | None:
    """Return the UUID of a text of 36 lower-case characters; None for any other text."""
    return read_uuid(text) if text == text.lower() else None
