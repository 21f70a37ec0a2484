"""The HTTP face: the services as JSON over HTTP, for programs, assistants and people."""

from __future__ import annotations
