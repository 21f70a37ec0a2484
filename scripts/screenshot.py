"""Take a picture of Flower's list of tasks, from the stack that runs under HOME, with headless Chromium.

Usage: ``PYTHONPATH=. .venv/bin/python scripts/screenshot.py docs/images/flower.png`` while ``./run up`` runs and has
tasks to show. Needs Chromium (Debian: ``apt-get install chromium``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pc_worker.embedded import Addresses, read_addresses
from pc_worker.settings import read_settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1500, 700
#: Milliseconds that the page has for its scripts; Chromium's own clock, not the wall's.
PATIENCE_MS = 8_000


def main() -> None:
    """Write the picture to the path given as the only argument."""
    found = read_addresses(read_settings().home)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if len(sys.argv) != 2 or found is None or browser is None:
        sys.exit("error: give a path for the picture, start `./run up`, and install chromium")
    with tempfile.TemporaryDirectory() as folder:
        take(browser, door(found, Path(folder)), Path(sys.argv[1]).absolute(), profile=Path(folder) / "profile")


def door(found: Addresses, folder: Path) -> Path:
    """Write a page that leads to Flower with its password: on a command line everybody would see it."""
    page = folder / "door.html"
    page.touch(mode=0o600)
    url = f"http://{found.flower_auth}@{found.flower}/tasks"
    page.write_text(f'<meta http-equiv="refresh" content="0; url={url}">', encoding="utf-8")
    return page


def take(browser: str, page: Path, picture: Path, *, profile: Path) -> None:
    """Let the browser open the page, follow it, and paint what it shows."""
    options = [
        "--headless=new",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--virtual-time-budget={PATIENCE_MS}",
        f"--screenshot={picture}",
    ]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to run as root otherwise; the only page it sees is ours
    subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
