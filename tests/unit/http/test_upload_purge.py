"""The removal of uploaded files goes on as long as the part does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.http import upload_purge


class Failing:
    """Services that fail in a way that was not expected, and say when they did so twice."""

    def __init__(self) -> None:
        self.again, self._calls = asyncio.Event(), 0

    async def run(self, work: object) -> None:
        self._calls += 1
        if self._calls == 2:
            self.again.set()
        raise ZeroDivisionError


async def test_an_unexpected_error_does_not_end_the_purge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_purge, "PURGE_S", 0.0)
    (tmp_path / "x").touch()
    services = Failing()
    context = SimpleNamespace(settings=SimpleNamespace(upload_folder=tmp_path), services=services)
    purging = asyncio.create_task(upload_purge._purge_again(cast(Any, context)))

    await asyncio.wait_for(services.again.wait(), 10)

    purging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await purging
