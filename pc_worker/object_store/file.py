"""An object that is read by ranges, like a file by position; one that changes meanwhile is an error, never a mixture.

Each request carries ``If-Match`` with the ETag of the opening, so that every byte is of that version.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pc_worker.errors import SourceRejected
from pc_worker.object_store.client import errors_named, store_of
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import SourceChanged, Stamp

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

#: Bytes of one request, and requests whose bytes are kept: 32 MiB per open object of any size.
BLOCK, BLOCKS_KEPT = 4 << 20, 8
#: Blocks fetched ahead of one that is read after its neighbour.
AHEAD = 2


def open_object(url: ObjectUrl, spool: Path) -> ObjectFile:
    """Open an object as it is now.

    Args:
        url: The object.
        spool: Folder of the copy that formats need which are not read by position.

    Raises:
        SourceRejected: If it is missing, not to be read, or its store reports no version of it.
        Unavailable: If the store does not answer.
    """
    if not url.key or url.key.endswith("/"):
        raise SourceRejected(f"{url}: it is a prefix, not an object")
    blocks = _Blocks(url, store_of(url.scheme, url.bucket))
    try:
        return ObjectFile(blocks, spool)
    except BaseException:
        blocks.release()
        raise


def stamp_of(meta: ObjectMeta) -> Stamp:
    """Return what a store says of an object, in the form of a file system's.

    What identifies the version takes the place of the time of the last change of the inode: 8 bytes, signed.
    """
    version = f"{meta['e_tag']}\0{meta['version'] or ''}".encode()
    number = int.from_bytes(hashlib.blake2b(version, digest_size=8).digest(), "big", signed=True)
    modified_ns = int(meta["last_modified"].timestamp() * 1_000_000) * 1000
    return Stamp(size=meta["size"], mtime_ns=modified_ns, ctime_ns=number, inode=0)


class ObjectFile:
    """An open object; handles of the same opening share what was read."""

    def __init__(self, blocks: _Blocks, spool: Path) -> None:
        self._blocks, self._spool, self._size = blocks, spool, blocks.size
        self._copy: Any = None

    def stamp(self) -> Stamp:
        """Return what the store says of the object now.

        Raises:
            SourceChanged: If it is another version than the one that was opened.
            SourceRejected: If it is gone.
            Unavailable: If the store does not answer.
        """
        return self._blocks.stamp()

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; none past the end.

        Raises:
            SourceChanged: If the object is no longer the one that was opened.
            Unavailable: If the store does not answer.
        """
        end = min(offset + length, self._size)
        parts = []
        while offset < end:
            number, start = divmod(offset, BLOCK)
            block = self._blocks.get(number)
            parts.append(block[start : start + end - offset])
            offset += len(parts[-1])
        return b"".join(parts)

    def descriptor(self) -> int:
        """Return a descriptor of a copy in the spool, which has no name and so is gone with the last handle."""
        if self._copy is None:
            copy = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115 - closed with this handle
            try:
                for start in range(0, self._size, BLOCK):
                    copy.write(self.read(start, BLOCK))
                copy.flush()
            except BaseException:
                copy.close()
                raise
            self._copy = copy
        return int(self._copy.fileno())

    def location(self) -> str:
        """Return the URL with the version: what is kept of one version is never taken for another's."""
        return f"{self._blocks.url}#{self._blocks.etag}"

    def share(self) -> ObjectFile:
        """Return another handle of the same opening."""
        shared = ObjectFile(self._blocks.held(), self._spool)
        if self._copy is not None:
            shared._copy = os.fdopen(os.dup(self._copy.fileno()), "rb")
        return shared

    def close(self) -> None:
        """Close this handle; the last one ends what reads ahead."""
        self._blocks.release()
        if self._copy is not None:
            self._copy.close()
            self._copy = None


class _Blocks:
    """The blocks of one version of an object: the last used are kept, and those that follow are fetched ahead."""

    def __init__(self, url: ObjectUrl, store: ObjectStore) -> None:
        self.url, self._store = url, store
        self._kept: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._lock, self._handles, self._last = Lock(), 1, -2
        self._pool = ThreadPoolExecutor(max_workers=AHEAD + 1, thread_name_prefix="object reader")
        meta = self._head()
        if not meta["e_tag"]:
            raise SourceRejected(f"{url}: its store reports no ETag, so that a change would not be noticed")
        self.etag, self.size = meta["e_tag"], meta["size"]

    def stamp(self) -> Stamp:
        """Return what the store says of the object now.

        Raises:
            SourceChanged: If it is another version than the one that was opened.
        """
        meta = self._head()
        if meta["e_tag"] != self.etag:
            raise SourceChanged(str(self.url), "another object is there now")
        return stamp_of(meta)

    def _head(self) -> ObjectMeta:
        import obstore

        with errors_named(self.url):
            return obstore.head(self._store, self.url.key)

    def get(self, number: int) -> bytes:
        """Return a block, all of it."""
        with self._lock:
            wanted = self._ask(number)
            if number == self._last + 1:
                for ahead in range(number + 1, number + 1 + AHEAD):
                    if ahead * BLOCK < self.size:
                        self._ask(ahead)
            self._last = number
        try:
            return wanted.result()
        except BaseException:
            with self._lock:
                self._kept.pop(number, None)  # a later reader asks again
            raise

    def _ask(self, number: int) -> Future[bytes]:
        block = self._kept.get(number)
        if block is None or (block.done() and block.exception() is not None):
            block = self._kept[number] = self._pool.submit(self._fetch, number)
        self._kept.move_to_end(number)
        while len(self._kept) > BLOCKS_KEPT:
            self._kept.popitem(last=False)
        return block

    def _fetch(self, number: int) -> bytes:
        import obstore
        from obstore.exceptions import PreconditionError

        start = number * BLOCK
        end = min(start + BLOCK, self.size)
        changed = SourceChanged(str(self.url), "another object is there now")
        with errors_named(self.url):
            try:
                reply = obstore.get(self._store, self.url.key, options={"range": (start, end), "if_match": self.etag})
                data = bytes(reply.bytes())
            except (PreconditionError, FileNotFoundError) as exc:
                raise changed from exc
        if reply.meta["e_tag"] != self.etag or len(data) != end - start:  # a store that ignores If-Match or ranges
            raise changed
        return data

    def held(self) -> _Blocks:
        """Count one more handle."""
        with self._lock:
            self._handles += 1
        return self

    def release(self) -> None:
        """Count one handle less; the last ends the threads."""
        with self._lock:
            self._handles -= 1
            last = self._handles == 0
        if last:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._kept.clear()
