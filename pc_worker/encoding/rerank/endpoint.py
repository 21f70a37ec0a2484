"""A reranker behind an HTTP server; every reply is checked before it is used."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pc_worker.encoding.rerank.failures import RerankFailed
from pc_worker.encoding.rerank.time_box import TimeBox
from pc_worker.urls.reranker import RerankServer

#: Concurrent requests of one process; a request that hangs holds one until its time is over.
WIDTH = 32
MAX_REPLY_BYTES = 1_000_000
#: A server that is overloaded is left alone for as long as it asks, but not longer.
LONGEST_PAUSE_S = 60.0


@dataclass(slots=True, kw_only=True)
class RerankEndpoint:
    """The client of one server; safe to share between threads and usable after a fork."""

    server: RerankServer
    key: str | None = field(repr=False)
    timeout_s: float
    depth: int
    _clients: dict[int, Any] = field(default_factory=dict, repr=False)
    _paused_until: float = field(default=0.0, repr=False)
    _box: TimeBox = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Create the limit of concurrent requests."""
        self._box = TimeBox(timeout_s=self.timeout_s, width=WIDTH)

    @property
    def name(self) -> str:
        """The model's name in replies."""
        return self.server.name

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the server's score for each text.

        Raises:
            RerankFailed: If it does not answer in time, refuses, or its reply is wrong.
        """
        left_s = self._paused_until - time.monotonic()
        if left_s > 0:
            raise RerankFailed(f"its server asked for a pause of another {math.ceil(left_s)} s")
        wanted = _request(self.server, query, texts)
        return read_scores(self._box.run(lambda ends_at: self._post(wanted, ends_at)), len(texts))

    def _post(self, wanted: Mapping[str, Any], ends_at: float) -> bytes:
        import httpx2

        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        limit = max(0.01, ends_at - time.monotonic())
        try:
            with self._client().stream("POST", self.server.url, json=wanted, headers=headers, timeout=limit) as reply:
                self._check(reply.status_code, reply.headers)
                return _read(reply.iter_bytes(), ends_at)
        except httpx2.TimeoutException:
            raise RerankFailed(f"its server did not answer within {self.timeout_s:g} s") from None
        except httpx2.DecodingError:
            raise RerankFailed("its server's reply cannot be decompressed") from None
        except httpx2.TransportError as exc:
            raise RerankFailed(f"its server cannot be reached ({type(exc).__name__})") from None

    def _client(self) -> Any:
        process = os.getpid()  # connections do not survive a fork
        if process not in self._clients:
            import httpx2

            # A redirect could carry texts to another host, or to one without TLS.
            self._clients[process] = httpx2.Client(follow_redirects=False)
        return self._clients[process]

    def _check(self, status: int, headers: Mapping[str, str]) -> None:
        """Check the status; what the server says is not repeated, since it may hold the key or texts."""
        if status in (401, 403):
            raise RerankFailed(f"its server refuses the key (HTTP {status}): check PC_WORKER_RERANKER_KEY")
        if status in (429, 503):
            self._paused_until = time.monotonic() + _pause(headers.get("retry-after"))
            raise RerankFailed(f"its server is overloaded (HTTP {status})")
        if status != 200:
            raise RerankFailed(f"its server failed (HTTP {status})")


def _request(server: RerankServer, query: str, texts: Sequence[str]) -> dict[str, Any]:
    if server.shape == "tei":
        return {"query": query, "texts": list(texts), "truncate": True, "raw_scores": False}
    return {"model": server.name, "query": query, "documents": list(texts), "top_n": len(texts)}


def _read(parts: Any, ends_at: float) -> bytes:
    found = bytearray()
    for part in parts:
        found += part
        if len(found) > MAX_REPLY_BYTES:
            raise RerankFailed(f"its server's reply is longer than {MAX_REPLY_BYTES:,} bytes")
        if time.monotonic() > ends_at:
            raise RerankFailed("its server did not end its reply in time")
    return bytes(found)


def _pause(header: str | None) -> float:
    try:
        seconds = float(header or 1.0)
    except ValueError:  # a date
        return 1.0
    return min(seconds, LONGEST_PAUSE_S) if seconds >= 0 else 1.0


def read_scores(reply: bytes, count: int) -> list[float]:
    """Return the scores of a reply in the order of the texts; both shapes are read.

    Raises:
        RerankFailed: If it does not have exactly one finite score for each of ``count`` texts.
    """
    try:
        document = json.loads(reply)
    except (ValueError, RecursionError):
        raise RerankFailed("its server's reply is not JSON") from None
    items = document.get("results") if isinstance(document, dict) else document
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RerankFailed("its server's reply has no list of results")
    if len(items) != count:
        raise RerankFailed(f"its server scored {len(items)} texts of {count}")
    scores = {_index(item, count): _score(item) for item in items}
    if len(scores) != count:
        raise RerankFailed("its server scored a text twice")
    return [scores[place] for place in range(count)]


def _index(item: Mapping[str, Any], count: int) -> int:
    index = item.get("index")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise RerankFailed("its server's reply names a text that was not sent")
    return index


def _score(item: Mapping[str, Any]) -> float:
    score = item.get("relevance_score", item.get("score"))
    # An integer of JSON may be larger than any float; NaN is not smaller than anything.
    if not isinstance(score, int | float) or isinstance(score, bool) or not abs(score) <= sys.float_info.max:
        raise RerankFailed("its server's reply has a score that is no number")
    return float(score)
