"""The inbox in an object store: the objects at `INBOX/<domain>/<name>`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.object_store.listing import list_prefix
from pc_worker.object_urls import ObjectUrl
from pc_worker.services.ingest.inbox.entries import InboxEntry, RejectedEntry, is_unfinished
from pc_worker.store.ledger.inbox import InboxFile


def list_url_inbox(
    inbox: ObjectUrl, domains: Collection[str], is_allowed: Callable[[ObjectUrl], bool]
) -> Iterator[InboxEntry]:
    """Yield the entries of a prefix; an error with one domain's prefix does not hide another.

    Args:
        inbox: The prefix, with one further part of the key per domain.
        domains: The domains.
        is_allowed: Returns whether a prefix is under the data roots.

    Raises:
        Unavailable: If the store does not answer; for a domain's prefix, after the entries of all others.
    """
    try:
        listing = list_prefix(inbox)
    except SourceRejected as exc:
        yield RejectedEntry(path=str(inbox), reason=str(exc))
        return
    for name, reason in listing.unreadable:
        yield RejectedEntry(path=str(_below(inbox, name)), reason=reason)
    others = domains if listing.unreadable else ()  # a key that hides names must not hide a domain
    away: Unavailable | None = None
    for name in dict.fromkeys((*listing.folders, *others)):
        folder = _below(inbox, name)
        if name in domains:
            try:
                yield from _domain_prefix(folder, name, is_allowed)
            except Unavailable as exc:
                away = away or exc
        elif not is_unfinished(name):
            yield RejectedEntry(path=str(folder), reason=f"there is no such domain: objects go to {inbox}/<domain>/")
    if away is not None:
        raise away


def _domain_prefix(folder: ObjectUrl, domain: str, is_allowed: Callable[[ObjectUrl], bool]) -> Iterator[InboxEntry]:
    if not is_allowed(folder):
        yield RejectedEntry(path=str(folder), reason="it lies outside the data roots: set PC_WORKER_DATA_ROOTS")
        return
    try:
        listing = list_prefix(folder)
    except SourceRejected as exc:
        yield RejectedEntry(path=str(folder), reason=str(exc))
        return
    for name, reason in listing.unreadable:
        yield RejectedEntry(path=str(_below(folder, name)), domain=domain, reason=reason)
    for name, stamp in listing.objects:
        if not is_unfinished(name):
            yield InboxFile(
                path=str(_below(folder, name)),
                domain=domain,
                size=stamp.size,
                mtime_ns=stamp.mtime_ns,
                ctime_ns=stamp.ctime_ns,
            )


def _below(prefix: ObjectUrl, name: str) -> ObjectUrl:
    key = f"{prefix.key.rstrip('/')}/{name}".lstrip("/")
    return ObjectUrl(prefix.scheme, prefix.bucket, key)
