"""URLs of objects: what is one, and its one spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest

#: The schemes of sources that are not files.
SCHEMES = ("s3", "gs", "az")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")


@dataclass(frozen=True, slots=True)
class ObjectUrl:
    """The place of an object or of a prefix.

    Attributes:
        scheme: One of ``SCHEMES``.
        bucket: The bucket, of Azure the container.
        key: The key; it has no empty parts, since the clients of the stores cannot read such a key.
    """

    scheme: str
    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"

    def is_under(self, root: ObjectUrl) -> bool:
        """Return whether this is the root or is under it; a root ``a/b`` does not contain ``a/bc``."""
        if (self.scheme, self.bucket) != (root.scheme, root.bucket):
            return False
        prefix = root.key.rstrip("/")
        return not prefix or self.key == prefix or self.key.startswith(f"{prefix}/")


def is_url(path: str) -> bool:
    """Return whether a source's path is a URL and no path of a file.

    >>> [is_url(text) for text in ("s3://b/k", "S3://b/k", "/data/s3://b", "ftp://h/f", "s3:/b")]
    [True, True, False, True, False]
    """
    return _URL.match(path) is not None


def read_url(text: str) -> ObjectUrl:
    """Return the URL that ``text`` is.

    Raises:
        InvalidRequest: If its scheme is not one of ours, or bucket or key are invalid.
    """
    found = _URL.fullmatch(text)
    scheme = "" if found is None else found["scheme"].lower()
    if found is None or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise InvalidRequest(f"{text}: sources are files or objects at {known} URLs")
    key = found["key"] or ""
    if "@" in found["bucket"]:
        raise InvalidRequest(f"{scheme}://: a URL must not contain credentials; set the variables of the cloud instead")
    if not _BUCKET.fullmatch(found["bucket"]):
        raise InvalidRequest(f"{text}: {found['bucket']!r} is not the name of a bucket")
    if reason := unreadable(key):
        raise InvalidRequest(f"{text if text.isprintable() else repr(text)}: a key with {reason} is not read")
    return ObjectUrl(scheme, found["bucket"], key)


def unreadable(key: str) -> str | None:
    r"""Return what a key has that the clients of the stores do not read exactly, or None; a prefix may end in ``/``.

    >>> [unreadable(key) for key in ("a/b", "a/", "/a", "a//b", "a/../b", "a\tb")]
    [None, None, 'empty parts (//)', 'empty parts (//)', 'the parts . or ..', 'control characters']
    """
    parts = key.split("/")
    if any(part in (".", "..") for part in parts):
        return "the parts . or .."
    if not all(parts[:-1]):
        return "empty parts (//)"
    return "control characters" if any(c < " " or c == "\x7f" for c in key) else None


def split_roots(text: str) -> list[str]:
    """Return the entries of a colon-separated list of folders and URLs; a colon before ``//`` does not separate.

    >>> split_roots("/data:s3://bucket/in:/more")
    ['/data', 's3://bucket/in', '/more']
    """
    return [part for part in re.split(r":(?!//)", text) if part]
