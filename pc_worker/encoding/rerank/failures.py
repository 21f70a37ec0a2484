"""What happens when reranking fails: the search keeps its order and reports the reason."""

from __future__ import annotations


class RerankFailed(Exception):
    """There are no scores; ``str()`` is the reason, without any secret."""
