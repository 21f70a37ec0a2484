"""Lists what is under a prefix with keys that the client refuses, and with each the page of the listing it is on.

This is for stores that ``signed_listing.py`` does not list. Such a key is named in the client's error. The listing then
goes on after it: the names before it on its page, up to 1,000 of them, are not seen until the object is renamed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pc_worker.object_urls import unreadable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

#: Requests for one listing: each goes past a folder or a key that is refused.
MOST_REQUESTS = 1000

#: Characters that the client sends unchanged in the key to begin after.
_SAFE = re.compile(r"[A-Za-z0-9 !$&'()+,\-./:;=@_]+", re.ASCII)
_NAMED = re.compile(r'(?:\bpath: |\bPath )"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

DENIED = "the store denies it: check the permissions of this object"
BLOCKED = "; the names after it are not seen until its object is renamed or deleted"
HIDDEN = "; up to 1,000 names before it are not seen until its object is renamed or deleted"


@dataclass(slots=True)
class Walked:
    """What was found under a prefix, by name; see ``ObjectListing``."""

    folders: set[str] = field(default_factory=set)
    objects: dict[str, ObjectMeta] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def walk_around(store: ObjectStore, folder: str) -> Walked:
    """Return what is directly under ``folder``, a key without a slash at its end.

    Raises:
        BaseError: What the client raises if the listing fails for another reason.
    """
    found, begin = Walked(), len(folder) + 1 if folder else 0
    offset: str | None = None
    for _ in range(MOST_REQUESTS):
        after = _pass(store, folder, offset, begin, found)
        if after is None:
            return found
        if not _SAFE.fullmatch(after) or unreadable(after) or (offset is not None and after <= offset):
            break
        _add_exact(store, after, begin, found)
        offset = after
    last = (max(found.folders, default=""), "it holds a key that is not read")
    name, reason = found.unreadable.popitem() if found.unreadable else last
    found.unreadable[name] = reason.removesuffix(HIDDEN) + BLOCKED
    return found


def _pass(store: ObjectStore, folder: str, offset: str | None, begin: int, found: Walked) -> str | None:
    """List from ``offset`` up to a folder or a refused key; return the key to go on after, None at the end."""
    import obstore
    from obstore.exceptions import InvalidPathError

    try:
        for (meta,) in obstore.list(store, prefix=folder or None, offset=offset, chunk_size=1):
            name = meta["path"][begin:]
            first, slash, _ = name.partition("/")
            if not slash:
                found.objects[name] = meta
                continue
            found.folders.add(first)
            if _SAFE.fullmatch(after := f"{meta['path'][:begin]}{first}0"):
                return after
    except InvalidPathError as exc:
        return _past(refused_key(exc), begin, found)
    return None


def _past(key: str, begin: int, found: Walked) -> str:
    """Note a refused key, or the folder that it is in; return a key that sorts after it and all like it."""
    name = key[begin:]
    first, slash, _ = name.partition("/")
    if slash and first and not unreadable(first):
        found.folders.add(first)
        return f"{key[:begin]}{first}0"
    reason = unreadable(name.removesuffix("/") + "/") or "characters that are refused"
    found.unreadable[name] = f"a key with {reason} is not read{HIDDEN}"
    return key[:begin] + _after(name)


def _after(name: str) -> str:
    r"""Return what sorts after a refused name: ``0`` follows ``/``, and a blank the control characters.

    >>> [_after(name) for name in ("/x", "../x", "..", "a\tb")]
    ['0', '..0', '.. ', 'a ']
    """
    first, slash, _ = name.partition("/")
    for place, character in enumerate(first):
        if character < " ":
            return f"{name[:place]} "
    return f"{first}0" if slash else f"{first} "


def _add_exact(store: ObjectStore, key: str, begin: int, found: Walked) -> None:
    """Add the object with the very key that the listing goes on after."""
    import obstore
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    try:
        found.objects[key[begin:]] = obstore.head(store, key)
    except (NotFoundError, FileNotFoundError):
        return
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        found.unreadable[key[begin:]] = DENIED


def refused_key(error: Exception) -> str:
    """Return the key that an error of the client is about; raise the error if it names none."""
    named = _NAMED.search(str(error))
    if named is None:
        raise error
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2]), named[1])
