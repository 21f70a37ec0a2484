"""Rerankers: a query and some texts → how well each text answers the query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pc_worker.encoding.rerank.failures import RerankFailed
from pc_worker.urls.reranker import read_rerank_server

__all__ = ["RerankFailed", "Reranker", "load_reranker"]


class Reranker(Protocol):
    """A model that reads query and text together; safe to share between threads."""

    @property
    def name(self) -> str:
        """The model's name in replies."""

    @property
    def depth(self) -> int:
        """The number of best hits that are reranked."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text, the higher the better, within the reranker's time limit.

        Raises:
            RerankFailed: If there are no such scores.
        """


def load_reranker(setting: str, *, key: str | None, timeout_s: float, depth: int) -> Reranker | None:
    """Return the reranker of a setting, None if it is empty; models are loaded when they are first used."""
    if not setting:
        return None
    server = read_rerank_server(setting)
    if server is not None:
        from pc_worker.encoding.rerank.endpoint import RerankEndpoint

        return RerankEndpoint(server=server, key=key, timeout_s=timeout_s, depth=depth)
    from pc_worker.encoding.rerank.cross_encoder import LocalReranker

    return LocalReranker(folder=Path(setting).expanduser(), timeout_s=timeout_s, depth=depth)
