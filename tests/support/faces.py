"""The four faces side by side: one request through the command line, Celery, gRPC and HTTP, and what each returned."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import celery
import grpc
import httpx
import pytest

from pc_worker.cli import context as cli_context
from pc_worker.cli import main
from pc_worker.settings import read_settings
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from pc_worker.wiring import make_services
from tests.support.http_part import http_client
from tests.support.stack import LiveStack


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a face made of a request: its code, and the document, or the sentence of the rejection."""

    code: int | str
    document: Any = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Faces:
    """Clients of the faces of one stack; the command line runs in this process, on one connection."""

    http: httpx.Client
    tasks: celery.Celery
    grpc: EmbeddingStreamServiceStub

    def command(self, *words: str) -> Outcome:
        """Run a command; its code is the exit code."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(words)
        if code:
            return Outcome(code, sentence=_one_line(err.getvalue().removeprefix("error: ")))
        return Outcome(code, json.loads(out.getvalue()) if out.getvalue().startswith(("{", "[")) else None)

    def task(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a task; its code is the name of the error, or empty."""
        try:
            return Outcome("", self.tasks.send_task(name, kwargs=dict(arguments)).get(timeout=60))
        except Exception as exc:
            return Outcome(type(exc).__name__, sentence=_one_line(str(exc).removeprefix(f"{name}: ")))

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Outcome:
        """Send an HTTP request; its code is the status."""
        # Not by the client's encoder, which refuses what is sent here to be refused.
        content = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        answer = self.http.request(method, path, content=content, headers=kind, params=query)
        document: Any = answer.json() if answer.content else None
        if answer.is_success:
            return Outcome(answer.status_code, document)
        return Outcome(answer.status_code, sentence=document["detail"])

    def search(self, request: pb.SearchRequest) -> Outcome:
        """Call `Search`; its code is the status's name. The document is that of the other faces."""
        try:
            return Outcome("OK", _search_document(self.grpc.Search(request, timeout=60)))
        except grpc.RpcError as exc:
            return Outcome(exc.code().name, sentence=exc.details())


@contextmanager
def faces_of(stack: LiveStack) -> Iterator[Faces]:
    """Yield the faces of a stack."""
    found = stack.addresses
    with (
        pytest.MonkeyPatch.context() as environment,
        http_client(stack) as http,
        celery.Celery(broker=found.redis_url, backend=found.redis_url, set_as_current=False) as tasks,
        grpc.insecure_channel(found.gateway) as channel,
    ):
        for name, value in stack.env.items():
            if name.startswith("PC_WORKER_"):
                environment.setenv(name, value)
        services = make_services(read_settings(), application="pc_worker cli")
        with patch.object(cli_context, "make_services", lambda *_, **__: services):
            yield Faces(http, tasks, EmbeddingStreamServiceStub(channel))
        services.sources.close()
        services.database.close()


def search_words(request: Mapping[str, Any]) -> list[str]:
    """Return a search as words of the command line."""
    words = ["search", "--json"]
    for name, value in request.items():
        option = "-k" if name == "k" else f"--{name.replace('_', '-')}"
        match value:
            case bool():
                words.append(option if value else f"--no-{name}")
            case list():
                words += [f"{option}={item}" for item in value]
            case dict():
                words.append(f"{option}={value['vector']},{value['text']}")
            case _ if name == "query":
                continue
            case _:
                words += [option, str(value)] if name == "k" else [f"{option}={value}"]
    return [*words, "--", str(request["query"])] if "query" in request else words


def search_message(request: Mapping[str, Any]) -> pb.SearchRequest:
    """Return a search as a message; a tree of filters is its ``filter``."""
    fields = dict(request)
    where = fields.pop("where", [])
    texts: Any = {"where": where} if isinstance(where, list) else {"filter": _filter(where)}
    if "weights" in fields:
        fields["weights"] = pb.SearchWeights(**fields["weights"])
    return pb.SearchRequest(**fields, **texts)


def _filter(tree: Any) -> pb.SearchFilter:
    if isinstance(tree, str):
        return pb.SearchFilter(text=tree)
    if "field" in tree:
        value = tree["value"]
        values = value if isinstance(value, list) else [] if value is None else [value]
        texts = [item if isinstance(item, str) else json.dumps(item) for item in values]
        return pb.SearchFilter(condition=pb.SearchCondition(field=tree["field"], op=tree["op"], values=texts))
    (name,) = tree
    parts: Any = {name: _filter(tree[name]) if name == "not" else pb.SearchFilters(filters=map(_filter, tree[name]))}
    return pb.SearchFilter(**parts)


def _search_document(found: pb.SearchResponse) -> dict[str, Any]:
    return {"query": found.query, "domain": found.domain, "mode": found.mode, "hits": list(map(_hit, found.hits))}


def _hit(hit: pb.SearchHit) -> dict[str, Any]:
    passage = {name: getattr(hit.passage, name) for name in ("text", "start", "end")}
    scores = {name: getattr(hit, name) if hit.HasField(name) else None for name in ("vector_score", "text_score")}
    return {
        "id": hit.id,
        "score": hit.score,
        **scores,
        "payload": json.loads(hit.payload_json),
        "passage": passage if hit.HasField("passage") else None,
        **({"explain": json.loads(hit.explain_json)} if hit.explain_json else {}),
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())
