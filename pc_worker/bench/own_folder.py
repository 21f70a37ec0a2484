"""A benchmark's temporary folder, gone at its end with everything that its home keeps elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.embedded import remove_home


@contextmanager
def own_folder() -> Iterator[Path]:
    """Yield a folder for sources and for one home, ``home`` in it; its processes must end before it is removed."""
    with tempfile.TemporaryDirectory(prefix="pcw-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's database server runs as another user
        try:
            yield folder
        finally:
            remove_home(folder / "home")
