"""An object store that speaks S3, in this process, and a proxy before it that misbehaves on request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "writer", "AWS_SECRET_ACCESS_KEY": "not a secret", "AWS_REGION": "us-east-1"}


@dataclass
class ObjectStore:
    """A running store.

    Attributes:
        client: Amazon's own client, to put objects there.
        variables: The environment by which it is found.
    """

    client: Any
    variables: Mapping[str, str]

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Write an object and return its URL."""
        self.client.put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"


@contextmanager
def running_store(*buckets: str) -> Iterator[ObjectStore]:
    """Run a store with empty buckets."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    for bucket in buckets:
        client.create_bucket(Bucket=bucket)
    try:
        yield ObjectStore(client, {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint})
    finally:
        client.close()
        server.stop()


@dataclass
class Proxy:
    """A proxy between the product and the store.

    Attributes:
        requests: Method, path and range of each request.
        answer: Returns what to send for a request's number and the store's reply: status, headers, body; None closes
            the connection.
    """

    address: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    answer: Callable[[int, Reply], Reply | None] = lambda _, reply: reply

    def variables(self, store: ObjectStore) -> dict[str, str]:
        """Return the environment by which the store is found through this proxy."""
        return {**store.variables, "AWS_ENDPOINT_URL": self.address}

    def refuse(self, status: int, code: str) -> None:
        """Answer every request with this status, and those that may have a body with this code, as S3 does."""

        def answer(number: int, reply: Reply) -> Reply:
            del reply
            is_bare = self.requests[number - 1][0] == "HEAD" or not code
            body = b"" if is_bare else f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            return Reply(status, {"Content-Length": str(len(body))}, body)

        self.answer = answer

    def serve(self) -> None:
        """Pass all replies on again."""
        self.answer = lambda _, reply: reply


@dataclass(frozen=True)
class Reply:
    """A store's reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@contextmanager
def proxy_before(store: ObjectStore, *, certificates: Mapping[str, Path] | None = None) -> Iterator[Proxy]:
    """Run a proxy before a store, with TLS if there are ``certificates`` as of ``make_certificates``."""
    proxy = Proxy()
    backend = store.variables["AWS_ENDPOINT_URL"].removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            proxy.requests.append((self.command, self.path, self.headers.get("Range")))
            number = len(proxy.requests)
            connection = HTTPConnection(backend, timeout=10)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection.request(self.command, self.path, body=sent or None, headers={**headers, "Host": backend})
            reply = connection.getresponse()
            answer = proxy.answer(number, Reply(reply.status, dict(reply.getheaders()), reply.read()))
            connection.close()
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "https" if certificates else "http"
    proxy.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates["server.pem"], certificates["server.key"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
