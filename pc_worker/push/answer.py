"""The meaning of a server's answer."""

from __future__ import annotations


class NotAccepted(Exception):
    """The server did not accept the rows; its answer does not show whether they or the server itself are at fault."""
