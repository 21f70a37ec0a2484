"""The objects directly under a prefix, for the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pc_worker.object_store.client import errors_named, store_of
from pc_worker.object_store.version import stamp_of
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import Stamp


@dataclass(frozen=True, slots=True)
class ObjectListing:
    """What is directly under a prefix.

    Attributes:
        folders: The next parts of longer keys, each once.
        objects: The names of the objects, and what the store says of each.
    """

    folders: Sequence[str]
    objects: Sequence[tuple[str, Stamp]]


def list_prefix(prefix: ObjectUrl) -> ObjectListing:
    """Return what is directly under a prefix.

    Raises:
        SourceRejected: If the bucket is missing or must not be listed.
        Unavailable: If the store does not answer.
    """
    import obstore

    folder = prefix.key.rstrip("/")
    begin = len(folder) + 1 if folder else 0
    with errors_named(prefix):
        found = obstore.list_with_delimiter(store_of(prefix.scheme, prefix.bucket), prefix=folder or None)
    folders = sorted(path.rstrip("/")[begin:] for path in found["common_prefixes"])
    objects = sorted((meta["path"][begin:], stamp_of(meta)) for meta in found["objects"])
    return ObjectListing([name for name in folders if name], [(name, stamp) for name, stamp in objects if name])
