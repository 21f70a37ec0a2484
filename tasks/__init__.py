"""The Celery application: ``celery -A tasks …``."""

from __future__ import annotations

from tasks.app import app

__all__ = ["app"]
