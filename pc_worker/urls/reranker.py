"""Rerankers behind an HTTP server, written ``cohere:NAME@URL`` or ``tei:NAME@URL``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from pc_worker.urls.engine import Engine, read_engine
from pc_worker.urls.split import WrongUrl

#: The form of requests and replies: of Cohere, as Jina, vLLM and others have it, or of text-embeddings-inference.
Shape = Literal["cohere", "tei"]

WRITTEN = "cohere:NAME@http(s)://HOST[:PORT]/PATH, tei:NAME@http(s)://HOST[:PORT], or the folder of a cross-encoder"
SERVER = re.compile(r"\s*(?P<shape>[a-z]+):(?P<named>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RerankServer:
    """A reranker behind an HTTP server: how it is asked, its model's name and its address."""

    shape: Shape
    engine: Engine

    @property
    def name(self) -> str:
        """The model's name for the server."""
        return self.engine.name

    @property
    def url(self) -> str:
        """The address of its endpoint."""
        return f"{self.engine.base_url.removesuffix('/rerank')}/rerank"

    @property
    def is_plain(self) -> bool:
        """Whether texts and keys would cross a network without TLS."""
        return self.engine.is_plain


def read_rerank_server(text: str) -> RerankServer | None:
    """Parse a reranker; None if the text is the path of a folder.

    Raises:
        WrongUrl: If it is neither; no part of it is repeated.
    """
    match = SERVER.fullmatch(text)
    if match is None:
        return None
    for shape in get_args(Shape):
        if match["shape"] == shape:
            engine = read_engine(f"openai:{match['named']}")
            if not engine.is_own_server or engine.dimensions is not None:
                break
            return RerankServer(shape, engine)
    raise WrongUrl(f"is not {WRITTEN}")
