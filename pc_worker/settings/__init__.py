"""The settings: one class, made of one part for each subject."""

from __future__ import annotations

from pc_worker.settings.settings import (
    PREFIX,
    PROJECT,
    SECRETS,
    TASK_LIMIT_S,
    Settings,
    is_loopback,
    read_settings,
    split_address,
)

__all__ = [
    "PREFIX",
    "PROJECT",
    "SECRETS",
    "TASK_LIMIT_S",
    "Settings",
    "is_loopback",
    "read_settings",
    "split_address",
]
