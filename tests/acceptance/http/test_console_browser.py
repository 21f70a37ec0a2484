"""The console in a real browser: pages with scripts, the keyboard, a phone, both colour schemes, and axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.http.conftest import Library
from tests.support.waiting import eventually

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)")
PAGES = (
    *("/", "/jobs", "/dead-letters", "/search?q=whale&domain=document", "/consumers", "/models?domain=document"),
    *("/index", "/plan", "/audit", "/ask"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Any, library: Library, complaints: list[str]) -> Iterator[Any]:
    context = browser.new_context(base_url=library.url)
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.append(request.url) if library.url not in request.url else None)
    yield tab
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(
    browser: Any, library: Library, page: Any, complaints: list[str], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    found = {}
    for path in PAGES:
        assert page.goto(path).ok, path
        # axe is put into the page from outside of it, which the page's own policy forbids to scripts.
        checked = browser.new_context(base_url=library.url, bypass_csp=True, color_scheme=scheme)
        tab = checked.new_page()
        tab.goto(path)
        violations = Axe().run(tab).response["violations"]
        checked.close()
        found[path] = [(one["id"], one["nodes"][0]["html"][:200]) for one in violations]

    assert {path: one for path, one in found.items() if one} == {}
    assert [text for text in complaints if not text.startswith("data:")] == []


def test_a_phone_shows_every_page_without_scrolling_sideways(browser: Any, library: Library) -> None:
    context = browser.new_context(base_url=library.url, viewport={"width": 360, "height": 740})
    tab = context.new_page()
    widths = {}
    for path in PAGES:
        tab.goto(path)
        widths[path] = tab.evaluate("document.documentElement.scrollWidth")
    context.close()

    assert {path: width for path, width in widths.items() if width > 360} == {}


def test_a_job_is_planned_started_and_watched_live(page: Any, complaints: list[str], tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    path.write_text("".join(f'{{"text": "live note number {n}"}}\n' for n in range(40)))
    page.goto("/plan")
    page.get_by_label("Path or URL").fill(str(path))
    page.get_by_role("button", name="Estimate").click()
    page.get_by_text("Start the ingest", exact=True).click()
    page.get_by_role("button", name="Yes, start the ingest").click()

    eventually(lambda: page.locator("#live .state").inner_text() == "completed", what="the job's end, without a reload")
    assert page.get_by_role("img", name="40 written, 0 unchanged, 0 skipped, 0 dead of 40 rows").count() == 1
    assert [text for text in complaints if not text.startswith("data:")] == []


def test_the_pages_are_used_with_the_keyboard_alone(page: Any) -> None:
    page.goto("/search")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_label("Query").focus()
    page.keyboard.type("a whale")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=a+whale*")

    assert page.locator(".modes section").count() == 3
