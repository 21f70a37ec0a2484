"""The console in a real browser: pages with scripts, the keyboard, a phone, both colour schemes, and axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.http.conftest import Library
from tests.acceptance.http.test_dead_letters import partial_job
from tests.support.engine import stand_in_engine
from tests.support.frames import write_recruit
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


def violations(browser: Any, library: Library, *paths: str, scheme: str = "light") -> list[Any]:
    """Return what axe finds; it is put into the page from outside, which the page's own policy forbids to scripts.

    Of the rules only that of contrast depends on the colours, so it is the only one of the dark scheme.
    """
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"]} | ({"runOnly": ["color-contrast"]} if scheme == "dark" else {})
    context = browser.new_context(base_url=library.url, bypass_csp=True, color_scheme=scheme)
    tab, found = context.new_page(), []
    for path in paths:
        tab.goto(path)
        found += [(path, one) for one in Axe().run(tab, options=options).response["violations"]]
    context.close()
    return [(path, one["id"], one["nodes"][0]["html"][:200]) for path, one in found]


def act(page: Any, label: str) -> None:
    """Use an action, which asks once."""
    page.get_by_text(label, exact=True).click()
    page.get_by_role("button", name=f"Yes, {label[0].lower()}{label[1:]}").click()


def ended(page: Any) -> str:
    """Return the last sentence of an operation whose page is shown, once it has ended, without a reload."""
    eventually(lambda: page.locator("#live .state").inner_text() != "running", what="the operation's end")
    return str(page.locator("#live").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(
    browser: Any, library: Library, page: Any, complaints: list[str], scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        assert page.goto(path).ok, path

    assert violations(browser, library, *PAGES, scheme=scheme) == []
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


def test_a_job_is_cancelled_and_resumed(browser: Any, page: Any, library: Library, tmp_path: Path) -> None:
    path = write_recruit(tmp_path / "held.pkl", 900, first=970_000)
    with library.stack.paused_worker():
        job = library.stack.run("ingest", str(path), "--domain", "recruit", "--json").json()["job_id"]
        page.goto(f"/jobs/{job}")
        act(page, "Cancel the job")
        assert page.locator("#live .state").inner_text() == "cancelled"
    found = violations(browser, library, f"/jobs/{job}")
    act(page, "Resume the job")

    eventually(lambda: page.locator("#live .state").inner_text() == "completed", what="the job's end, without a reload")
    assert page.get_by_role("img", name="900 written, 0 unchanged, 0 skipped, 0 dead of 900 rows").count() == 1
    assert found == []


def test_dead_letters_are_mended_by_their_reason(
    browser: Any, page: Any, library: Library, complaints: list[str], tmp_path: Path
) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 990_000)
    page.goto(f"/dead-letters?job={job}")
    groups = page.get_by_role("region", name="Reasons").get_by_role("row").count() - 1
    page.get_by_role("region", name="Reasons").get_by_role("link").filter(has_text="Position").click()
    act(page, "Retry all 1 that match")
    retried = ended(page)
    found = violations(browser, library, page.url)
    page.goto(f"/dead-letters?job={job}")
    act(page, "Drop all 3 that match")
    dropped = ended(page)
    page.goto(f"/jobs/{job}")

    assert groups >= 2
    assert "0 written, 0 unchanged, 0 skipped, 1 dead" in retried
    assert "3 dropped" in dropped
    assert page.locator("#live .state").inner_text() == "completed"
    assert found == []
    assert [text for text in complaints if not text.startswith("data:")] == []


def test_a_hit_is_judged_and_the_judged_queries_are_measured(browser: Any, page: Any, library: Library) -> None:
    page.goto("/search?q=a+boy+and+pirates&domain=document&where=shelf%3Dhttp&k=3")
    hit = page.get_by_label("hybrid").locator("li").filter(has_text=library.ids["island"])
    hit.get_by_role("button", name="relevant", exact=True).click()
    pressed = hit.get_by_role("button", name="relevant", exact=True).get_attribute("aria-pressed")
    page.get_by_role("button", name="Measure each mode").click()
    measured = ended(page)

    assert pressed == "true"
    assert measured.count("ndcg@10") == 3
    assert violations(browser, library, page.url) == []


def test_a_model_is_filled_compared_switched_to_and_back(browser: Any, page: Any, library: Library) -> None:
    with stand_in_engine(dimension=64) as engine:
        name, stack = engine.written, library.stack
        assert stack.run("models", "backfill", "--domain", "document", "--model", name).code == 0
        page.goto("/models?domain=document")
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="active", exact=True))
        old = row.get_by_role("rowheader").inner_text()
        told = []
        for label, action in ((name, "Backfill"), (name, "Compare"), (name, "Switch to it"), (old, "Switch to it")):
            page.goto("/models?domain=document")
            act(page.get_by_role("row").filter(has_text=label.partition("@")[0]), action)
            told.append(ended(page))
        found = violations(browser, library, page.url)
        page.goto("/models?domain=document")
        active = row.get_by_role("rowheader").inner_text()
        assert stack.run("models", "drop", "--model", name).code == 0

    assert "rows have vectors of" in told[0]
    assert "nearest neighbours" in told[1]
    assert "rows are delivered again" in told[2]
    assert f"document uses {old}" in told[3]
    assert active == old
    assert found == []
