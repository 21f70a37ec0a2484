"""The prompt files of the package: each answer records name, version and hash of its own."""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.file_faults import file_fault

FOLDER = Path(__file__).with_name("prompts")
FILE_NAME = re.compile(r"(?P<name>[a-z_]+)-(?P<version>[0-9]+)[.]txt")
#: Characters of the hash that are shown.
HASH_CHARS = 12


@dataclass(frozen=True, slots=True, order=True)
class Prompt:
    """One version of a prompt."""

    name: str
    version: int
    text: str

    @property
    def hash(self) -> str:
        """The start of the sha256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:HASH_CHARS]

    @property
    def label(self) -> str:
        """``NAME-VERSION@HASH``, as it is recorded with an answer."""
        return f"{self.name}-{self.version}@{self.hash}"

    def to_dict(self) -> dict[str, Any]:
        """Return an item of `prompts list --json`."""
        return {"name": self.name, "version": self.version, "hash": self.hash, "characters": len(self.text)}


@functools.cache
def all_prompts() -> tuple[Prompt, ...]:
    """Return every version of every prompt, by name and version."""
    found = ((FILE_NAME.fullmatch(path.name), path) for path in FOLDER.iterdir())
    return tuple(sorted(Prompt(m["name"], int(m["version"]), path.read_text("utf-8")) for m, path in found if m))


def newest_prompt(name: str) -> Prompt:
    """Return the newest version of a prompt.

    Raises:
        NotFound: If there is no prompt of this name.
    """
    versions = [prompt for prompt in all_prompts() if prompt.name == name]
    if not versions:
        known = ", ".join(sorted({prompt.name for prompt in all_prompts()}))
        raise NotFound(f"there is no prompt {name[:80]!r}: known are {known}")
    return versions[-1]


def prompt_diff(name: str, other: str | None = None) -> str:
    """Compare the newest version of a prompt with the version before it, another version, or a file.

    Raises:
        NotFound: If there is no such prompt or version.
        InvalidRequest: If the file cannot be read.
    """
    newest = newest_prompt(name)
    before = _other(newest, other)
    lines = difflib.unified_diff(
        before[1].splitlines(), newest.text.splitlines(), before[0], newest.label, lineterm="", n=3
    )
    return "\n".join(lines)


def _other(newest: Prompt, other: str | None) -> tuple[str, str]:
    if other is not None and not other.isdigit():
        try:
            return other, Path(other).read_text("utf-8")
        except (OSError, ValueError) as exc:
            raise InvalidRequest(f"{other}: cannot be read: {file_fault(exc)}") from exc
    version = newest.version - 1 if other is None else int(other)
    if version == 0 and other is None:
        return "nothing", ""
    found = next((p for p in all_prompts() if (p.name, p.version) == (newest.name, version)), None)
    if found is None:
        raise NotFound(f"prompt {newest.name} has no version {version}: it has 1 to {newest.version}")
    return found.label, found.text
