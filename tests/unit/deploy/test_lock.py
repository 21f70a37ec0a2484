"""requirements.lock, which the images install from, names what requirements.txt names, each with its hashes."""

from __future__ import annotations

import re

from pc_worker.settings import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
HASHES = r"(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+"
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)[^\n]*" + HASHES, re.MULTILINE)
LEFT_OUT = re.compile(r"[(|'](torch(?:\|[\w-]+)+)")


def left_out(path: str) -> set[str]:
    """What a file says the slim image has not."""
    found = LEFT_OUT.search((PROJECT / path).read_text(encoding="utf-8"))
    assert found is not None
    return set(found[1].split("|"))


def wanted() -> dict[str, str]:
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"\[.*\]", "", name): version for name, _, version in pins}


def test_it_names_each_package_in_the_version_that_is_asked_for() -> None:
    locked = {match["name"]: match["version"] for match in ENTRY.finditer(LOCK)}
    asked = {name: version for name, version in wanted().items() if name not in left_out("scripts/lock.sh")}

    assert asked.items() <= locked.items(), "requirements.txt has changed: run scripts/lock.sh"
    assert not left_out("scripts/lock.sh") & set(locked)


def test_every_entry_has_its_hashes() -> None:
    names = re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)

    assert [match["name"] for match in ENTRY.finditer(LOCK)] == names


def test_the_image_and_the_lock_leave_out_the_same() -> None:
    assert left_out("Dockerfile") == left_out("scripts/lock.sh")
