"""Files that all machines share, under a prefix of an object store: each has the digest of its content as its name."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

from pc_worker.atomic_files import replacing
from pc_worker.errors import SourceDenied, SourceRejected
from pc_worker.object_store.client import errors_named, store_of
from pc_worker.object_store.listing import list_prefix
from pc_worker.object_store.version import STEP
from pc_worker.object_urls import ObjectUrl

_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


class SharedCopies:
    """The files under a prefix, which holds nothing else; several may write the same one at once.

    Args:
        prefix: The prefix.
    """

    def __init__(self, prefix: ObjectUrl) -> None:
        self.prefix = prefix

    def put(self, path: Path) -> str:
        """Write a file there, and return the digest of its content.

        Raises:
            SourceDenied: If the store does not let us.
            Unavailable: If the store does not answer.
        """
        import obstore

        with path.open("rb") as file:
            digest = hashlib.file_digest(file, _hash).hexdigest()
        url = self._url(digest)
        with errors_named(url):
            obstore.put(store_of(url.scheme, url.bucket), url.key, path)
        return digest

    def fetch(self, digest: str, path: Path, *, mtime_ns: int) -> bool:
        """Write the file with this digest to ``path``; return False if it is not there or has another content.

        Raises:
            SourceDenied: If the store does not let us.
            Unavailable: If the store does not answer.
        """
        import obstore

        url, found = self._url(digest), _hash()
        try:
            with errors_named(url), replacing(path) as file:
                for part in obstore.get(store_of(url.scheme, url.bucket), url.key).stream(min_chunk_size=STEP):
                    found.update(part)
                    file.write(part)
                if found.hexdigest() != digest:
                    raise SourceRejected(f"{url}: it is damaged")
        except SourceDenied:
            raise
        except SourceRejected:
            return False
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return True

    def purge(self, *, older_than_s: float) -> int:
        """Delete what was written more than ``older_than_s`` seconds ago, and return how many files that were.

        Raises:
            SourceDenied: If the store does not let us.
            Unavailable: If the store does not answer.
        """
        import obstore

        oldest = (time.time() - older_than_s) * 1e9
        found = list_prefix(self.prefix).objects
        old = [self._url(name).key for name, stamp in found if _NAME.fullmatch(name) and stamp.mtime_ns < oldest]
        if old:
            with errors_named(self.prefix):
                obstore.delete(store_of(self.prefix.scheme, self.prefix.bucket), old)
        return len(old)

    def _url(self, name: str) -> ObjectUrl:
        folder = self.prefix.key.rstrip("/")
        return ObjectUrl(self.prefix.scheme, self.prefix.bucket, f"{folder}/{name}" if folder else name)


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)
