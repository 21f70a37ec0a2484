"""One version of an object: what its store says of it, and its bytes, of this version or an error.

Each request carries ``If-Match`` with the ETag of the opening, so that every byte is of that version.
"""

from __future__ import annotations

import hashlib
import mmap
from typing import TYPE_CHECKING

from pc_worker.errors import SourceRejected
from pc_worker.object_store.causes import is_unexplained
from pc_worker.object_store.client import errors_named, store_of
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import SourceChanged, Stamp

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta

#: Bytes of a reply that are received at a time, at least.
STEP = 256 << 10


class ObjectVersion:
    """The version of an object that its store has now.

    Args:
        url: The object.

    Raises:
        SourceRejected: If it is missing, not to be read, or its store reports no version of it.
        Unavailable: If the store does not answer.
    """

    def __init__(self, url: ObjectUrl) -> None:
        self.url, self._store = url, store_of(url.scheme, url.bucket)
        meta = self._head()
        if not meta["e_tag"]:
            raise SourceRejected(f"{url}: its store reports no ETag, so that a change would not be noticed")
        self.etag, self.size = meta["e_tag"], meta["size"]

    def _head(self) -> ObjectMeta:
        import obstore
        from obstore.exceptions import BaseError

        with errors_named(self.url):
            try:
                return obstore.head(self._store, self.url.key)
            except BaseError as exc:
                if is_unexplained(exc):
                    self._ask_why()
                raise

    def _ask_why(self) -> None:
        """Raise what the store says of a denial: a reply to HEAD has no body, and so no reason."""
        import obstore

        obstore.get(self._store, self.url.key, options={"range": (0, 1)})

    def stamp(self) -> Stamp:
        """Return what the store says of the object now.

        Raises:
            SourceChanged: If it is another version.
            SourceRejected: If it is gone.
            Unavailable: If the store does not answer.
        """
        meta = self._head()
        if meta["e_tag"] != self.etag:
            raise self._changed()
        return stamp_of(meta)

    def fetch(self, start: int, end: int) -> memoryview:
        """Return bytes ``start`` up to ``end``.

        Raises:
            SourceChanged: If the store has another version now.
            Unavailable: If the store does not answer.
        """
        import obstore
        from obstore.exceptions import PreconditionError

        with errors_named(self.url):
            try:
                reply = obstore.get(self._store, self.url.key, options={"range": (start, end), "if_match": self.etag})
                if reply.meta["e_tag"] != self.etag or reply.range != (start, end):  # If-Match or ranges ignored
                    raise self._changed()
                return _received(reply, end - start)
            except (PreconditionError, FileNotFoundError) as exc:
                raise self._changed() from exc

    def _changed(self) -> SourceChanged:
        return SourceChanged(str(self.url), "another object is there now")


def _received(reply: GetResult, length: int) -> memoryview:
    """Return the content of a reply, received in steps into memory of its own, which goes back to the system whole.

    A reply that is taken whole is in the C library's memory for the thread that received it, which keeps it.
    """
    data = memoryview(mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    at = 0
    for part in reply.stream(min_chunk_size=STEP):
        data[at : at + len(part)] = part
        at += len(part)
    return data[:at]


def stamp_of(meta: ObjectMeta) -> Stamp:
    """Return what a store says of an object, in the form of a file system's.

    What identifies the version takes the place of the time of the last change of the inode: 8 bytes, signed.
    """
    version = f"{meta['e_tag']}\0{meta['version'] or ''}".encode()
    number = int.from_bytes(hashlib.blake2b(version, digest_size=8).digest(), "big", signed=True)
    modified_ns = int(meta["last_modified"].timestamp() * 1_000_000) * 1000
    return Stamp(size=meta["size"], mtime_ns=modified_ns, ctime_ns=number, inode=0)
