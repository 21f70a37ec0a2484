"""A strict server for reranking: the wire of Cohere and of text-embeddings-inference, and wrong replies on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "rank-1"
Items = list[dict[str, Any]]


def shared_words(query: str, text: str) -> float:
    """Return the score of a text: the share of the query's words that it has."""
    words = set(query.lower().split())
    return len(words & set(text.lower().split())) / len(words)


def _first(items: Items, **values: Any) -> Items:
    return [items[0] | values, *items[1:]]


#: Replies that no client may use, as changes of a right one; what is no list is sent as it is.
WRONG: dict[str, Callable[[Items], Any]] = {
    "fewer": lambda items: items[1:],
    "more": lambda items: [*items, items[0] | {"index": len(items)}],
    "the same text twice": lambda items: [*items[:-1], items[0]],
    "an index beyond the texts": lambda items: _first(items, index=len(items)),
    "a negative index": lambda items: _first(items, index=-1),
    "an index as text": lambda items: _first(items, index="0"),
    "a truth value as index": lambda items: _first(items, index=True),
    "NaN": lambda items: _first(items, relevance_score=float("nan"), score=float("nan")),
    "infinity": lambda items: _first(items, relevance_score=float("inf"), score=float("inf")),
    "an immense number": lambda items: _first(items, relevance_score=10**400, score=10**400),
    "a score as text": lambda items: _first(items, relevance_score="0.5", score="0.5"),
    "no score": lambda items: _first(items, relevance_score=None, score=None),
    "no objects": lambda _items: [0.5, 0.6],
    "an error": lambda _items: b'{"message": "internal"}',
    "no JSON": lambda _items: b"<html>",
    "deep JSON": lambda _items: b"[" * 100_000,
    "nothing": lambda _items: b"",
    "too long": lambda _items: b" " * 1_100_000 + b"[]",
}


@dataclass(slots=True)
class RerankServerStub:
    """The state of a server.

    Attributes:
        key: The only valid key; None = none is needed.
        wrong: A name of ``WRONG``; None = right replies.
        status: The status of every reply.
        headers: Further headers of every reply.
        slow_s: Seconds between two bytes of a reply.
        requests: The bodies of valid requests.
    """

    key: str | None = None
    wrong: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    slow_s: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def written(self, shape: str = "cohere") -> str:
        """Return the server as a setting names it."""
        return f"{shape}:{MODEL}@http://127.0.0.1:{self.port}{'/v2' if shape == 'cohere' else ''}"

    def answer(self, path: str, body: dict[str, Any], key: str | None) -> tuple[int, Any]:
        """Return the status and the reply."""
        if self.key is not None and key != f"Bearer {self.key}":
            return 401, {"message": f"invalid api token {key}"}
        fields = {"/v2/rerank": {"model", "query", "documents", "top_n"}, "/rerank": {"query", "texts", "truncate"}}
        texts = body.get("documents" if path == "/v2/rerank" else "texts")
        if path not in fields or body.keys() - {"raw_scores"} != fields[path]:
            return 422, {"message": "invalid request"}
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            return 400, {"message": "documents must be texts"}
        self.requests.append(body)
        scored = [(index, shared_words(body["query"], text)) for index, text in enumerate(texts)]
        name = "relevance_score" if path == "/v2/rerank" else "score"
        items: Any = [{"index": index, name: score} for index, score in sorted(scored, key=lambda one: -one[1])]
        items = items if self.wrong is None else WRONG[self.wrong](items)
        wrapped = {"id": "a", "results": items, "meta": {}} if path == "/v2/rerank" else items
        return self.status, items if isinstance(items, bytes) else wrapped


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        stub: RerankServerStub = self.server.stub  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, reply = stub.answer(self.path, body, self.headers.get("authorization"))
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **stub.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not stub.slow_s:
            self.wfile.write(content)
            return
        for byte in content:
            if stub.released.wait(stub.slow_s):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keep the output of tests clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that end early."""


@contextmanager
def rerank_server(**state: Any) -> Iterator[RerankServerStub]:
    """Run a server during the block."""
    stub = RerankServerStub(**state)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stub = stub  # type: ignore[attr-defined]
    stub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
