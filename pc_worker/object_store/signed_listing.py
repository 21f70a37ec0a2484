"""Lists a prefix of S3 by requests of our own: the client returns no page of a listing with a key that it refuses.

The client signs them, from any source of credentials. It signs URLs of objects only: a client is made whose
endpoint is the bucket with the query. It appends a slash, so the query's last value ends with one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, unquote_plus, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener
from xml.etree import ElementTree

from pc_worker.object_store.client import REQUEST_S, authorities, open_store, store_of
from pc_worker.object_store.walk import MOST_REQUESTS, Walked
from pc_worker.object_urls import unreadable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore, S3Store

#: Bytes of a page: 1,000 keys of 1,024 bytes, each of which may have three characters, with their sizes and ETags.
LONGEST = 16 << 20
#: Folders of which a key is named as an example; further ones are named themselves.
MOST_EXAMPLES = 20
VALID_FOR = timedelta(minutes=5)
#: What the client reads as true.
_TRUE = ("1", "true", "on", "yes", "y")


class NotListed(Exception):
    """The store cannot be asked in this way."""


def list_signed(bucket: str, folder: str) -> Walked:
    """Return what is directly under ``folder``, a key without a slash at its end.

    Raises:
        NotListed: If the client does not sign here, or the store does not answer, or otherwise than S3.
    """
    from obstore.exceptions import BaseError

    if os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in _TRUE:
        raise NotListed("requests are not signed")
    try:
        return _list(_Bucket(bucket), f"{folder}/" if folder else "")
    except (BaseError, OSError, ValueError, ElementTree.ParseError) as exc:
        raise NotListed(str(exc)) from exc


def _list(bucket: _Bucket, prefix: str) -> Walked:
    found, folders = Walked(), list[str]()
    for page in bucket.pages(prefix):
        for meta in page.objects():
            name = meta["path"].removeprefix(prefix)
            if reason := unreadable(name):
                found.unreadable[name] = f"a key with {reason} is not read"
            elif name:
                found.objects[name] = meta
        folders += (folder.removeprefix(prefix) for folder in page.folders())
    for folder in folders:
        if (reason := unreadable(folder)) is None:
            found.folders.add(folder.removesuffix("/"))
            continue
        is_example = len(found.unreadable) < MOST_EXAMPLES
        name = bucket.key_under(f"{prefix}{folder}").removeprefix(prefix) if is_example else folder
        found.unreadable[name] = f"a key with {reason} is not read"
    return found


class _Page:
    """A page of a listing, as S3 returns it."""

    def __init__(self, content: bytes) -> None:
        self._root = ElementTree.fromstring(content)  # noqa: S314 - of the store that all is read from; bounded
        if self._root.tag.rpartition("}")[2] != "ListBucketResult":
            raise ValueError("the store does not list as S3 does")
        self._is_encoded = self._root.findtext("{*}EncodingType") == "url"

    def objects(self) -> Iterator[ObjectMeta]:
        """Yield what the store reports of each object, as the client does."""
        for entry in self._root.iterfind("{*}Contents"):
            yield {
                "path": self._decoded(_text(entry, "Key")),
                "last_modified": datetime.fromisoformat(_text(entry, "LastModified")),
                "size": int(_text(entry, "Size")),
                "e_tag": entry.findtext("{*}ETag"),
                "version": None,
            }

    def folders(self) -> Iterator[str]:
        """Yield the keys up to their next slash, of those that have one."""
        for entry in self._root.iterfind("{*}CommonPrefixes"):
            yield self._decoded(_text(entry, "Prefix"))

    @property
    def next_token(self) -> str | None:
        """What the next page is asked for with; None on the last one."""
        return self._root.findtext("{*}NextContinuationToken")

    def _decoded(self, key: str) -> str:
        return unquote_plus(key, errors="strict") if self._is_encoded else key


class _Bucket:
    """A bucket of S3, by the address and the credentials of its client."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._address = _signed(store_of("s3", name), "x").partition("?")[0].removesuffix("/x")
        context = ssl.create_default_context()
        for content in authorities("s3", os.environ).values():
            context.load_verify_locations(cadata=content.decode())
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=context))

    def pages(self, prefix: str) -> Iterator[_Page]:
        """Yield the listing of what is directly under a prefix."""
        query = {"prefix": prefix}
        for _ in range(MOST_REQUESTS):
            page = self._page(query | {"delimiter": ""})
            yield page
            if (token := page.next_token) is None:
                return
            query["continuation-token"] = token
        raise ValueError(f"the listing has more than {MOST_REQUESTS} pages")

    def key_under(self, prefix: str) -> str:
        """Return the first key under a prefix that ends with a slash; the prefix itself if it has vanished."""
        page = self._page({"max-keys": "1", "prefix": prefix.removesuffix("/")})
        return next((meta["path"] for meta in page.objects()), prefix)

    def _page(self, query: dict[str, str]) -> _Page:
        """Return a page; the last value of the query is without its slash."""
        asked = urlencode({"list-type": "2", "encoding-type": "url"} | query, quote_via=quote)
        endpoint = {"endpoint": f"{self._address}?{asked}", "virtual_hosted_style_request": "true"}
        url = _signed(open_store("s3", self._name, endpoint), "")
        with self._opener.open(url, timeout=REQUEST_S) as response:
            content = response.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise ValueError(f"a page of the listing has more than {LONGEST:,} bytes")
        return _Page(content)


def _signed(store: ObjectStore, path: str) -> str:
    import obstore

    return obstore.sign(cast("S3Store", store), "GET", path, VALID_FOR)


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: a signature is for one host."""

    def redirect_request(self, *_: object) -> None:
        return None


def _text(entry: ElementTree.Element, name: str) -> str:
    text = entry.findtext(f"{{*}}{name}")
    if text is None:
        raise ValueError(f"the listing has no {name}")
    return text
