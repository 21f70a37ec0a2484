"""What machines share of their spools: the indexes of objects, and with a configured prefix the copies made of them.

An index without copies is kept in PostgreSQL as it is. If the rows are in copies, unpacked or converted, these are put
under the prefix, by their digests, and PostgreSQL keeps one file with the index and the list of the copies: another
machine uses no copy but those, byte for byte. Who writes to the prefix can neither change rows nor add any.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Protocol

from pc_worker.atomic_files import replacing
from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.logs import get_logger
from pc_worker.reader import copies_of

log = get_logger(__name__)

#: Copies with this ending are indexes themselves, and are kept with the index.
_INDEX = ".index"


class Indexes(Protocol):
    """Where small files are kept for all machines, by their names."""

    def fetch(self, path: Path) -> bool:
        """Write the file with the name of ``path`` there, if it is kept; return whether it is."""
        ...

    def keep(self, path: Path) -> None:
        """Keep the file at ``path`` under its name."""
        ...

    def forget(self, name: str) -> None:
        """Keep the file with this name no longer."""
        ...


class Copies(Protocol):
    """Where large files are kept for all machines, by their digests."""

    def put(self, path: Path) -> str:
        """Keep the file at ``path``; return its digest."""
        ...

    def fetch(self, digest: str, path: Path, *, mtime_ns: int) -> bool:
        """Write the file with this digest to ``path``; return False if it is not kept, or damaged."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """One file of a source in the spool; ``digest`` None: it follows in the list itself, with ``size`` bytes."""

    name: str
    size: int
    mtime_ns: int
    digest: str | None


class SharedSpool:
    """What is shared of a spool; without ``copies``, indexes only."""

    def __init__(self, indexes: Indexes, copies: Copies | None = None) -> None:
        self._indexes, self._copies = indexes, copies

    def fetch(self, index: Path) -> bool:
        """Write the index to ``index``, and the copies that it leads to; return whether it is there and can be used."""
        if _is_sound(index):
            return True
        if self._indexes.fetch(index):
            return self._checked(index, index.name)
        if self._copies is None:
            return False
        bundle = _bundle(index)
        with _one_process(index.with_suffix(".fetching")):
            if _is_sound(index):  # another process of this machine was first
                return True
            try:
                unpacked = self._indexes.fetch(bundle) and self._unpack(bundle, index, self._copies)
                return unpacked and self._checked(index, bundle.name)
            finally:
                bundle.unlink(missing_ok=True)

    def _checked(self, index: Path, name: str) -> bool:
        """Return whether a fetched index can be used; forget it if not, as one of another version, for a new one."""
        if _is_sound(index):
            return True
        self._indexes.forget(name)
        return False

    def _unpack(self, bundle: Path, index: Path, copies: Copies) -> bool:
        """Write what a bundle holds, the index last; forget the bundle if a copy is gone or damaged."""
        with bundle.open("rb") as file:
            try:
                listed = [Shared(**each) for each in json.loads(file.readline())]
            except (ValueError, TypeError):  # of another version
                self._indexes.forget(bundle.name)
                return False
            for each in sorted(listed, key=lambda each: each.digest is None):
                path = index.with_name(each.name)
                try:
                    if each.digest is None:
                        _write(file, path, each)
                    elif not copies.fetch(each.digest, path, mtime_ns=each.mtime_ns):
                        self._indexes.forget(bundle.name)
                        return False
                except (SourceRejected, Unavailable, OSError) as exc:
                    log.warning("copies_not_fetched", index=index.name, reason=str(exc))
                    return False
        return True

    def keep(self, index: Path, *, with_copies: bool) -> None:
        """Share an index, and the copies that it leads to if ``with_copies``; without these it is of no use alone."""
        try:
            made = copies_of(index)
            if not made:
                self._indexes.keep(index)
            elif with_copies and self._copies is not None:
                self._keep_bundle(index, made, self._copies)
        except (SourceRejected, Unavailable, OSError) as exc:  # sharing saves work; nothing depends on it
            log.warning("copies_not_shared", index=index.name, reason=str(exc))

    def _keep_bundle(self, index: Path, made: Sequence[Path], copies: Copies) -> None:
        large = [path for path in made if path.suffix != _INDEX]
        small = [*(path for path in made if path.suffix == _INDEX), index]
        listed = [_shared(path, copies.put(path)) for path in large] + [_shared(path, None) for path in small]
        bundle = _bundle(index)
        try:
            with replacing(bundle) as file:
                file.write(json.dumps([asdict(each) for each in listed]).encode() + b"\n")
                for path in small:
                    with path.open("rb") as part:
                        shutil.copyfileobj(part, file)
            self._indexes.keep(bundle)
        finally:
            bundle.unlink(missing_ok=True)


def _is_sound(index: Path) -> bool:
    """Return whether there is an index that this version can use."""
    try:
        copies_of(index)
    except FileNotFoundError:
        return False
    return True


def _bundle(index: Path) -> Path:
    return index.with_suffix(".bundle")


def _shared(path: Path, digest: str | None) -> Shared:
    found = path.stat()
    return Shared(path.name, found.st_size, found.st_mtime_ns, digest)


def _write(file: IO[bytes], path: Path, each: Shared) -> None:
    """Write the next bytes of a bundle to ``path``."""
    with replacing(path) as out:
        left = each.size
        while left and (data := file.read(min(left, 1 << 20))):
            out.write(data)
            left -= len(data)
    os.utime(path, ns=(each.mtime_ns, each.mtime_ns))


@contextmanager
def _one_process(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time into the block; the lock ends with the process that has it."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
