"""A strict substitute of an embeddings server: OpenAI's wire, vectors for searches, and wrong replies on request."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

MODEL = "stand-in"
DIMENSION = 64
MAX_TEXTS, MAX_TOKENS = 2048, 300_000

Document = dict[str, Any]
#: Changes a right reply into a wrong one.
Spoil = Callable[[Document], object]


def vector_of(text: str, dimension: int = DIMENSION) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the vector of a text: texts that share words are near each other."""
    words = text.lower().split() or [text]
    seeds = [sum(ord(sign) * 31**place for place, sign in enumerate(word)) % 2**32 for word in words]
    total = sum(np.random.default_rng(seed).standard_normal(dimension) for seed in seeds)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def _first(change: Callable[[list[float]], list[float]]) -> Spoil:
    """Return a change of the first vector's numbers; the reply is then written as numbers."""

    def spoil(document: Document) -> None:
        for item in document["data"]:
            item["embedding"] = _numbers(item["embedding"])
        document["data"][0]["embedding"] = change(document["data"][0]["embedding"])

    return spoil


def _numbers(written: str | list[float]) -> list[float]:
    if isinstance(written, list):
        return written
    numbers: list[float] = np.frombuffer(base64.b64decode(written), dtype="<f4").tolist()
    return numbers


def _base64_of(value: float) -> Spoil:
    def spoil(document: Document) -> None:
        vector = np.asarray(_numbers(document["data"][-1]["embedding"]), dtype="<f4")
        vector[0] = value
        document["data"][-1]["embedding"] = base64.b64encode(vector.tobytes()).decode()

    return spoil


def _set(**values: Any) -> Spoil:
    return lambda document: document.update(values)


def _all_zeros(document: Document) -> None:
    document["data"][0]["embedding"] = [0.0] * len(_numbers(document["data"][0]["embedding"]))


def _same_index(document: Document) -> None:
    document["data"][-1]["index"] = document["data"][0]["index"] if len(document["data"]) > 1 else 7


def _error(document: Document) -> None:
    document.clear()
    document.update(error={"message": "overloaded"})


#: Replies that a client must not use, as changes of a right one.
WRONG: dict[str, Spoil] = {
    "fewer": lambda document: document.update(data=document["data"][: len(document["data"]) // 3]),
    "more": lambda document: document["data"].append(dict(document["data"][0], index=len(document["data"]))),
    "doubled": lambda document: document["data"].append(document["data"][0]),
    "index twice": _same_index,
    "index beyond": lambda document: document["data"][0].update(index=len(document["data"])),
    "index negative": lambda document: document["data"][0].update(index=-1),
    "no index": lambda document: document["data"][0].pop("index"),
    "NaN": _first(lambda numbers: [float("nan"), *numbers[1:]]),
    "NaN in base64": _base64_of(float("nan")),
    "infinity": _first(lambda numbers: [*numbers[1:], 1e39]),
    "infinity in base64": _base64_of(float("-inf")),
    "zeros": _all_zeros,
    "one dimension less": _first(lambda numbers: numbers[1:]),
    "another dimension": lambda document: (
        [item.update(embedding=_numbers(item["embedding"]) * 2) for item in document["data"]] and None
    ),
    "no vector": _first(lambda _: []),
    "null": lambda document: document["data"][0].update(embedding=None),
    "no base64": lambda document: document["data"][0].update(embedding="not base64!"),
    "half a float": lambda document: document["data"][0].update(embedding=base64.b64encode(b"abcdef").decode()),
    "another model": _set(model="another-model"),
    "no data": lambda document: document.pop("data"),
    "error in a reply": _error,
}
#: The same as bodies that are no documents at all.
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda body: body[: len(body) // 2],
    "empty": lambda _: b"",
    "HTML": lambda _: b"<html>Bad Gateway</html>",
    "two documents": lambda body: body + body,
}
#: What a client must accept: the same vectors, written in another way.
ODD: dict[str, Spoil] = {
    "reversed": lambda document: document["data"].reverse(),
    "numbers": lambda document: (
        [item.update(embedding=_numbers(item["embedding"])) for item in document["data"]] and None
    ),
    "not of length 1": lambda document: (
        [item.update(embedding=[9 * number for number in _numbers(item["embedding"])]) for item in document["data"]]
        and None
    ),
    "no usage": lambda document: document.pop("usage"),
    "no model": lambda document: document.pop("model"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply with an error's status, in OpenAI's form."""

    status: int
    message: str = "something went wrong"
    code: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class StandInEngine:
    """The server's state and what it received.

    Attributes:
        key: The key that requests must carry; None = any or none.
        models: The names it answers to.
        reported: The name that replies carry; None = the requested one.
        dimension: The model's own dimension; a request may ask for less.
        window: Tokens of one text, as words; a longer text is refused.
        most_texts: Texts of one request; more are refused.
        knows_base64: False = a request for base64 is refused.
        refuses: A text that contains one of these is refused.
        poisoned: The vector of a text that contains one of these holds NaN.
        faults: The status with which a refused text is answered.
        script: What the next requests are answered with: a name of ``WRONG``, ``BROKEN`` or ``ODD``, "cut" (the
            connection breaks in the middle), "away" (it breaks at once), or a failure; None = rightly.
        always: The same for every request after the script.
        requests: The bodies of valid requests.
        texts: Every text that was answered rightly.
        keys: The `Authorization` headers.
    """

    key: str | None = None
    models: tuple[str, ...] = (MODEL,)
    reported: str | None = None
    dimension: int = DIMENSION
    window: int = 8191
    most_texts: int = MAX_TEXTS
    knows_base64: bool = True
    refuses: tuple[str, ...] = ()
    poisoned: tuple[str, ...] = ()
    faults: int = 400
    script: deque[str | Failure | None] = field(default_factory=deque)
    always: str | Failure | None = None
    requests: list[Document] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def written(self) -> str:
        """The engine as a setting names it."""
        return f"openai:{self.models[0]}@{self.base_url}"

    def refusal(self, path: str, body: Document, key: str | None) -> Failure | None:
        """Return why a request is refused, None if it is valid."""
        texts = body.get("input")
        if path != "/v1/embeddings":
            return Failure(404, "no such route")
        if self.key is not None and key != f"Bearer {self.key}":
            return Failure(401, f"Incorrect API key provided: {key}", "invalid_api_key")
        if body.get("model") not in self.models:
            return Failure(404, f"The model {body.get('model')!r} does not exist", "model_not_found")
        unknown = body.keys() - {"input", "model", "encoding_format", "dimensions", "user"}
        if unknown or not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return Failure(400, f"invalid request {sorted(unknown)}")
        if body.get("encoding_format", "float") not in (("float", "base64") if self.knows_base64 else ("float",)):
            return Failure(400, "encoding_format must be float")
        if not isinstance(body.get("dimensions", 1), int) or not 1 <= body.get("dimensions", 1) <= self.dimension:
            return Failure(400, "dimensions is not supported")
        return self._refusal_of(texts)

    def _refusal_of(self, texts: Sequence[str]) -> Failure | None:
        if not 0 < len(texts) <= self.most_texts:
            return Failure(413, f"batch size {len(texts)} > maximum allowed batch size {self.most_texts}")
        if any(not text or len(text.split()) > self.window for text in texts):
            return Failure(self.faults, f"This model's maximum context length is {self.window} tokens")
        if sum(len(text.split()) for text in texts) > MAX_TOKENS:
            return Failure(400, "too many tokens in the request")
        if any(word in text for word in self.refuses for text in texts):
            return Failure(self.faults, "the input is not valid")
        return None

    def document(self, body: Document) -> Document:
        """Return the right reply."""
        dimension = body.get("dimensions", self.dimension)
        data = []
        for index, text in enumerate(body["input"]):
            vector = vector_of(text, dimension)
            if any(word in text for word in self.poisoned):
                vector = np.full(dimension, np.nan, np.float32)
            is_base64 = body.get("encoding_format") == "base64"
            written = base64.b64encode(vector.astype("<f4").tobytes()).decode() if is_base64 else vector.tolist()
            data.append({"object": "embedding", "index": index, "embedding": written})
        tokens = sum(len(text.split()) for text in body["input"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self.reported or body["model"], "usage": usage}

    def next(self) -> str | Failure | None:
        """Return what the next request is answered with."""
        with self.lock:
            return self.script.popleft() if self.script else self.always


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer a request."""
        engine: StandInEngine = self.server.engine  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("authorization")
        with engine.lock:
            engine.keys.append(key)
        if (refusal := engine.refusal(self.path, body, key)) is not None:
            self._fail(refusal)
            return
        with engine.lock:
            engine.requests.append(body)
        plan = engine.next()
        if plan == "away":
            self.close_connection = True
            return
        if isinstance(plan, Failure):
            self._fail(plan)
            return
        document = engine.document(body)
        if plan in WRONG or plan in ODD:
            (WRONG.get(plan) or ODD[plan])(document)
        if plan is None or plan in ODD:
            with engine.lock:
                engine.texts.extend(body["input"])
        content = json.dumps(document).encode()
        self._send(200, BROKEN[plan](content) if plan in BROKEN else content, cut=plan == "cut")

    def _fail(self, failure: Failure) -> None:
        error = {"message": failure.message, "type": "invalid_request_error", "param": None, "code": failure.code}
        self._send(failure.status, json.dumps({"error": error}).encode(), headers=failure.headers)

    def _send(self, status: int, content: bytes, *, headers: Sequence[tuple[str, str]] = (), cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """Keep the output of tests clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def stand_in_engine(*, port: int = 0, **state: Any) -> Iterator[StandInEngine]:
    """Run an engine of the tests during the block."""
    engine = StandInEngine(**state)
    server = _Server(("127.0.0.1", port), _Handler)
    server.engine = engine  # type: ignore[attr-defined]
    engine.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
