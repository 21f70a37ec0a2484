"""Small files with secrets: replaced atomically, readable by their owner only."""

from __future__ import annotations

from pathlib import Path

from pc_worker.atomic_files import replacing


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` with mode 0600; a reader sees the old text or the new, even after a crash.

    Raises:
        OSError: If the folder cannot be written or is full; the old text stays.
    """
    with replacing(path, sync=True) as file:
        file.write(text.encode())
