"""A sentence-transformers cross-encoder in this process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pc_worker.encoding.rerank.failures import RerankFailed
from pc_worker.encoding.rerank.time_box import TimeBox

#: Texts of one step; between two steps work ends whose time is over.
BATCH = 8


@dataclass(slots=True, kw_only=True)
class LocalReranker:
    """A cross-encoder from a folder, loaded when it is first used; loading does not count as reranking."""

    folder: Path
    timeout_s: float
    depth: int
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _model: Any = field(default=None, repr=False)
    _unusable: str = ""
    _box: TimeBox = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Create the limit: one ranking at a time uses all threads of the model."""
        self._box = TimeBox(timeout_s=self.timeout_s, width=1)

    @property
    def name(self) -> str:
        """The model's name in replies."""
        return self.folder.name

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the model's score for each text.

        Raises:
            RerankFailed: If the model cannot be used, or takes too long.
        """
        model = self._loaded()
        return self._box.run(lambda ends_at: _predicted(model, query, texts, ends_at))

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None and not self._unusable:
                try:
                    self._model = _load(self.folder)
                except RerankFailed as exc:
                    self._unusable = str(exc)
            if self._unusable:
                raise RerankFailed(self._unusable)
            return self._model


def _load(folder: Path) -> Any:
    try:
        from sentence_transformers import CrossEncoder
    except ImportError:
        raise RerankFailed("a cross-encoder needs the extra `models`: pip install 'pc-worker[models]'") from None
    try:
        # No code of the model's folder runs: neither its Python files nor pickled weights.
        model = CrossEncoder(
            str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except Exception as exc:  # the library raises errors of all its parts
        raise RerankFailed(f"the cross-encoder in {folder} cannot be loaded ({type(exc).__name__})") from exc
    if model.num_labels != 1:
        raise RerankFailed(f"the model in {folder} has {model.num_labels} labels: a reranker has one score")
    return model


def _predicted(model: Any, query: str, texts: Sequence[str], ends_at: float) -> list[float]:
    scores: list[float] = []
    for start in range(0, len(texts), BATCH):
        if time.monotonic() > ends_at:
            raise RerankFailed("it was not done in time")
        pairs = [(query, text) for text in texts[start : start + BATCH]]
        scores += [float(score) for score in model.predict(pairs, show_progress_bar=False)]
    if not all(map(math.isfinite, scores)):
        raise RerankFailed("the cross-encoder's score of a text is no number")
    return scores
