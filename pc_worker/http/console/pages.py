"""The routers of all pages."""

from __future__ import annotations

from fastapi import APIRouter

from pc_worker.http.console import (
    administration,
    asking,
    consumer_letters,
    jobs,
    letters,
    overview,
    planning,
    searching,
    sign_in,
)

PAGES: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (sign_in, overview, jobs, letters, searching, asking, consumer_letters, administration, planning)
)
