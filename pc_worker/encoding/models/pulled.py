"""Models that `models pull` downloaded: where they lie.

``pulled/ORG--NAME`` is a link to the revision that was pulled last, in ``pulled/.revisions``; the others stay until
someone deletes them, since a domain may still use one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PULLED, REVISIONS, RECORD = "pulled", ".revisions", "pulled.json"
COMMIT_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledModel:
    """A model that was downloaded.

    Attributes:
        name: Its name on the hub.
        commit: The commit that it was downloaded from.
        path: Its folder.
        size: Bytes of its files.
    """

    name: str
    commit: str
    path: Path
    size: int


def pulled_folders(name: str, cache: Path | None) -> Iterator[Path]:
    """Yield the folders of the pulled revisions of the model ``name``, the one pulled last first."""
    if cache is None or name.startswith((".", "/")):
        return
    link = _link(name, cache)
    if link.is_dir():
        yield link.resolve()
    yield from sorted(set((cache / PULLED / REVISIONS).glob(f"{link.name}@*")) - {link.resolve()})


def pulled_models(cache: Path) -> list[PulledModel]:
    """Return the model of each name that was pulled last."""
    links = sorted(path for path in (cache / PULLED).glob("*") if path.is_dir() and not path.name.startswith("."))
    return [read_record(link.resolve()) for link in links]


def revision_place(name: str, commit: str, cache: Path) -> Path:
    """Return the folder of a revision, which need not exist."""
    return (cache / PULLED / REVISIONS).resolve() / f"{_link(name, cache).name}@{commit[:COMMIT_CHARACTERS]}"


def use_revision(name: str, commit: str, cache: Path) -> None:
    """Make ``name`` mean the revision that is in its folder, in one step."""
    link = _link(name, cache)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(Path(REVISIONS) / revision_place(name, commit, cache).name)
    os.replace(new, link)


def write_record(folder: Path, name: str, commit: str) -> None:
    """Write into ``folder`` where its files are from."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    content = {"name": name, "commit": commit, "size": size}
    (folder / RECORD).write_text(json.dumps(content), encoding="utf-8")


def read_record(folder: Path) -> PulledModel:
    """Return what ``write_record`` wrote."""
    return PulledModel(path=folder, **json.loads((folder / RECORD).read_text(encoding="utf-8")))


def _link(name: str, cache: Path) -> Path:
    return cache / PULLED / name.replace("/", "--")
