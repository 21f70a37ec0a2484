"""A store in this process that speaks what we use of Google's and Azure's protocols, and writes down what it is asked.

Both read objects alike, by ranges and with the ETag that is expected; they differ in addresses, credentials and lists.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Mon, 30 Nov 2026 00:00:00 GMT"
MODIFIED_ISO = "2026-11-30T00:00:00.000Z"


@dataclass
class CloudStore:
    """A running store.

    Attributes:
        address: Its URL.
        objects: Content by path: the bucket and the key.
        requests: Method, path and headers of each request.
    """

    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def listed(self, bucket: str, prefix: str) -> tuple[list[str], list[str]]:
        """Return what is directly under a prefix: the prefixes of longer keys, and keys."""
        keys = [path.removeprefix(f"{bucket}/") for path in self.objects if path.startswith(f"{bucket}/{prefix}")]
        deep = {f"{prefix}{key[len(prefix) :].partition('/')[0]}/" for key in keys if "/" in key[len(prefix) :]}
        return sorted(deep), sorted(key for key in keys if "/" not in key[len(prefix) :])


class _Handler(BaseHTTPRequestHandler):
    store: CloudStore
    account: str
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path).strip("/").removeprefix(f"{self.account}/")
        self.store.requests.append((self.command, self.path, dict(self.headers.items())))
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if asked.get("comp") == "list":
            self._send(200, _azure_list(self.store, path, asked.get("prefix", "")))
        elif asked.get("list-type") == "2":
            self._send(200, _google_list(self.store, path, asked.get("prefix", "")))
        elif path in self.store.objects:
            self._object(self.store.objects[path])
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _object(self, content: bytes) -> None:
        etag = _etag(content)
        if self.headers.get("If-Match", etag) != etag:
            self._send(412, b"")
            return
        headers = {"ETag": etag, "Last-Modified": MODIFIED}
        asked = self.headers.get("Range")
        if asked is None:
            self._send(200, content, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1, len(content))
        self._send(206, content[start:end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = _answer

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def running_cloud_store(*, account: str = "") -> Iterator[CloudStore]:
    """Run a store; ``account`` is the first part of all its paths, as of an emulator of Azure."""
    store = CloudStore()
    handler = type("Handler", (_Handler,), {"store": store, "account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    store.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _google_list(store: CloudStore, bucket: str, prefix: str) -> bytes:
    folders, keys = store.listed(bucket, prefix)
    below = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
    objects = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(store.objects[f'{bucket}/{key}'])}</Size>"
        f"<LastModified>{MODIFIED_ISO}</LastModified><ETag>{_etag(store.objects[f'{bucket}/{key}'])}</ETag></Contents>"
        for key in keys
    )
    return f"<ListBucketResult>{below}{objects}</ListBucketResult>".encode()


def _azure_list(store: CloudStore, bucket: str, prefix: str) -> bytes:
    folders, keys = store.listed(bucket, prefix)
    below = "".join(f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>" for folder in folders)
    objects = "".join(
        f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified>"
        f"<Etag>{_etag(store.objects[f'{bucket}/{key}'])}</Etag>"
        f"<Content-Length>{len(store.objects[f'{bucket}/{key}'])}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type></Properties></Blob>"
        for key in keys
    )
    return f"<EnumerationResults><Blobs>{below}{objects}</Blobs><NextMarker/></EnumerationResults>".encode()
