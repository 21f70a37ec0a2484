"""requirements.lock, which the images install from, names the light installation, each package with its hashes."""

from __future__ import annotations

import re

from pc_worker.settings import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
HASHES = r"(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+"
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)[^\n]*" + HASHES, re.MULTILINE)
LEFT_OUT = re.compile(r"^left_out='(.+)'$", re.MULTILINE)


def left_out() -> set[str]:
    """Return the packages that the script excludes from the slim image."""
    found = LEFT_OUT.search((PROJECT / "scripts/lock.sh").read_text(encoding="utf-8"))
    assert found is not None
    return set(found[1].split("|"))


def wanted() -> dict[str, str]:
    files = [PROJECT / f"requirements-{name}.txt" for name in ("light", "model")]
    pins = re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", "".join(path.read_text("utf-8") for path in files), re.MULTILINE)
    return dict(pins)


def test_it_names_each_package_in_the_version_that_is_asked_for() -> None:
    locked = {match["name"]: match["version"] for match in ENTRY.finditer(LOCK)}
    asked = {name: version for name, version in wanted().items() if name not in left_out()}

    assert asked.items() <= locked.items(), "the dependencies have changed: run scripts/lock.sh"
    assert not left_out() & set(locked)


def test_every_entry_has_its_hashes() -> None:
    names = re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)

    assert [match["name"] for match in ENTRY.finditer(LOCK)] == names
