from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI

from pc_worker.doctor import Finding, diagnose
from pc_worker.http.console import overview
from pc_worker.settings import Settings


async def test_the_installation_is_checked_once_for_all_who_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = list[list[Finding]]()

    def counted(settings: Settings) -> list[Finding]:
        checked.append(diagnose(settings))
        return checked[-1]

    monkeypatch.setattr(overview, "diagnose", counted)
    app = FastAPI()
    app.state.context = SimpleNamespace(settings=Settings(home=tmp_path))
    request = cast(Any, SimpleNamespace(app=app))
    everybody, narrow = SimpleNamespace(domains=None), SimpleNamespace(domains=frozenset(("document",)))
    async with overview.line_health(app):
        shown = await asyncio.gather(*(overview.wrong_findings(request, cast(Any, everybody)) for _ in range(20)))
        nothing = await overview.wrong_findings(request, cast(Any, narrow))

    assert len(checked) == 1
    assert all(one == shown[0] for one in shown)
    assert "servers" in [finding.check for finding in shown[0]]
    assert nothing == []
