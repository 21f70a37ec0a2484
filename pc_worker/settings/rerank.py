"""The settings of the reranker; a part of ``Settings``."""

from __future__ import annotations

import os
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from pc_worker.urls import WrongUrl
from pc_worker.urls.reranker import read_rerank_server


class RerankSettings(BaseSettings):
    """Settings of the reranker; each is documented with the others."""

    #: What orders the best hits of a search with `rerank` again: the folder of a sentence-transformers cross-encoder
    #: (needs the extra `models`), or a server, `cohere:NAME@URL` (Cohere, Jina, vLLM) or `tei:NAME@URL`
    #: (text-embeddings-inference); `/rerank` is added to the URL. Unset: hits keep their order, and the reply says so.
    reranker: str = ""
    #: Key of the reranker's server.
    reranker_key: SecretStr | None = None
    #: Seconds that reranking may take. After them the hits keep their order, and the reply says so.
    rerank_timeout_s: float = Field(default=5.0, ge=0.05, le=60.0)
    #: Best hits that are reranked, the same for every page.
    rerank_depth: int = Field(default=50, ge=1, le=100)

    @field_validator("reranker")
    @classmethod
    def _reranker(cls, value: str) -> str:
        try:
            server = read_rerank_server(value) if value else None
        except WrongUrl as exc:
            raise ValueError(str(exc)) from None
        if value and server is None and not os.path.isfile(os.path.join(os.path.expanduser(value), "config.json")):
            raise ValueError("is not the folder of a cross-encoder: it has no config.json")
        return value

    @model_validator(mode="after")
    def _encrypted_reranker(self) -> Self:
        server = read_rerank_server(self.reranker) if self.reranker else None
        if server is not None and server.is_plain and not getattr(self, "insecure", False):
            raise ValueError(
                "PC_WORKER_RERANKER: texts and keys would cross the network in clear text: use https, or set "
                "PC_WORKER_INSECURE=1 if the network is safe"
            )
        return self
