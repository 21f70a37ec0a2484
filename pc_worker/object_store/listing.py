"""The objects directly under a prefix, for the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pc_worker.object_store.client import errors_named, store_of
from pc_worker.object_store.version import stamp_of
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import Stamp

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from pc_worker.object_store.walk import Walked


@dataclass(frozen=True, slots=True)
class ObjectListing:
    """What is directly under a prefix.

    Attributes:
        folders: The next parts of longer keys, each once.
        objects: The names of the objects, and what the store says of each.
        unreadable: Names that cannot be read, and why.
    """

    folders: Sequence[str]
    objects: Sequence[tuple[str, Stamp]]
    unreadable: Sequence[tuple[str, str]] = ()


def list_prefix(prefix: ObjectUrl) -> ObjectListing:
    """Return what is directly under a prefix; a key that cannot be read does not hide those after it.

    Raises:
        SourceRejected: If the bucket is missing or must not be listed.
        Unavailable: If the store does not answer.
    """
    import obstore
    from obstore.exceptions import InvalidPathError

    folder = prefix.key.rstrip("/")
    begin = len(folder) + 1 if folder else 0
    store = store_of(prefix.scheme, prefix.bucket)
    with errors_named(prefix):
        try:
            found = obstore.list_with_delimiter(store, prefix=folder or None)
        except InvalidPathError:
            walked = _walk(prefix, store, folder)
            objects = sorted((name, stamp_of(meta)) for name, meta in walked.objects.items())
            return ObjectListing(sorted(walked.folders), objects, sorted(walked.unreadable.items()))
    folders = sorted(path.rstrip("/")[begin:] for path in found["common_prefixes"])
    objects = sorted((meta["path"][begin:], stamp_of(meta)) for meta in found["objects"])
    return ObjectListing([name for name in folders if name], [(name, stamp) for name, stamp in objects if name])


def _walk(prefix: ObjectUrl, store: ObjectStore, folder: str) -> Walked:
    """List a prefix with keys that the client refuses: whole in S3, else, or if that fails, around them."""
    from pc_worker.object_store.signed_listing import NotListed, list_signed
    from pc_worker.object_store.walk import walk_around

    if prefix.scheme == "s3":
        with suppress(NotListed):
            return list_signed(prefix.bucket, folder)
    return walk_around(store, folder)
