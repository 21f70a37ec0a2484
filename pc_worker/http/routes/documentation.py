"""`/docs`: the OpenAPI document as one page of ours, without scripts and without any foreign host."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from pc_worker.http.requests.bodies import api_router

router = api_router(tag="documentation")

TEMPLATES = Path(__file__).parent.parent / "templates"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
BETWEEN_BACKTICKS = re.compile("`([^`]+)`")
METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Show every call of the OpenAPI document."""
    document = request.app.openapi()
    page = _template().render(
        info=document["info"], groups=_groups(document), schemas=document["components"]["schemas"]
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


@cache
def _template() -> Any:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    environment.filters["code"] = _with_code
    return environment.get_template("docs.html")


def _with_code(text: str | None) -> Markup:
    """Return a text with what is between backticks as code.

    >>> str(_with_code("a stable `code` < 3"))
    'a stable <code>code</code> &lt; 3'
    """
    return Markup(BETWEEN_BACKTICKS.sub(r"<code>\1</code>", str(escape(text or ""))))  # noqa: S704 - escaped first


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the calls by their tag, in the order of the document."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                call = {"method": method.upper(), "path": path, **methods[method]}
                groups.setdefault(call.get("tags", ["other"])[0], []).append(call)
    return groups
