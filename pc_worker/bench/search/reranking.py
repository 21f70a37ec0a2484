"""How long a cross-encoder takes for the best hits: our reranker against ``CrossEncoder.predict``.

The model has the shape of a small one (6 layers of 384 dimensions, as `ms-marco-MiniLM-L6-v2`) and random weights: how
long it takes does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pc_worker.bench import Figure
from pc_worker.bench.encode.texts import mixed_texts
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.rerank import load_reranker

CANDIDATES = (10, 50)
QUERIES = 8
LIMIT_S = 600.0
QUERY = "translation of a large contract within the budget"


def rerank_figures() -> list[Figure]:
    """Return the milliseconds of reranking 10 and 50 texts of 3 to 220 words; none without sentence-transformers."""
    if find_spec("sentence_transformers") is None:
        return []
    with TemporaryDirectory(prefix="pcw-bench-") as scratch:
        folder = Path(scratch) / "small-cross-encoder"
        baseline = _made(folder)
        reranker = load_reranker(str(folder), key=None, timeout_s=LIMIT_S, depth=max(CANDIDATES))
        if reranker is None:
            return []
        ours, plain = reranker.scores, lambda query, texts: baseline.predict([(query, text) for text in texts])
        return [figure for count in CANDIDATES for figure in _figures(count, ours, plain)]


def _made(folder: Path) -> Any:
    """Write the model, and return it as sentence-transformers loads it."""
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=1
    )
    BertForSequenceClassification(config).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(str(find_model("").tokens)).save_pretrained(str(folder))
    return CrossEncoder(str(folder), local_files_only=True)


def _figures(count: int, *ways: Callable[[str, list[str]], object]) -> list[Figure]:
    """Return P50 and P99; both ways take turns, so that other work of the machine slows both."""
    texts = list(dict.fromkeys(mixed_texts(2 * count)))[:count]
    taken: list[list[float]] = [[], []]
    for number in range(QUERIES + 1):
        for way, times in zip(ways, taken, strict=True):
            began = time.perf_counter()
            way(f"{QUERY} {number}", texts)
            times.append((time.perf_counter() - began) * 1000)
    figures = []
    for percent in (50, 99):
        ours, baseline = (float(np.percentile(times[1:], percent)) for times in taken)  # the first one loads and warms
        label = f"rerank {count} candidates P{percent} ÷ CrossEncoder.predict"
        figures.append(Figure(label, ours, baseline, baseline / ours, None, None, "ms, less is better"))
    return figures
