"""How closely a backend's vectors agree with the reference's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from pc_worker.encoding.bisect import bisect
from pc_worker.encoding.isolating import encode_isolating
from pc_worker.encoding.protocol import Encoder, Vectors
from pc_worker.errors import EncodingFailed, ModelUnavailable

EXACT = 0.9999  # min cosine from which two backends share a model identity
CLOSE = 0.99  # mean cosine that rounded weights must reach

NEIGHBOURS = 10

ODD = (
    "",
    "a",
    "C++ / C# / .NET 8 & F#",
    "Résumé naïve café — “quoted” … 50 % ≥ 3,000 €",
    "🚀 ship it 👩‍💻👍🏽",
    "3.14159 2026-11-21T07:48:00Z 0xDEADBEEF user@example.org",
    "스프링 부트와 코틀린으로 결제 시스템을 설계하고 운영했습니다.",
    "分散システムの設計と運用を五年間担当しました。",
    "负责搜索引擎与推荐系统的研发，熟悉分布式存储。",
    "Опыт разработки распределённых систем на Go и Rust.",
    "supercalifragilisticexpialidocious" * 5,
)
ROLES = (
    "Senior Java developer",
    "Data engineer",
    "백엔드 개발자",
    "Nurse in intensive care",
    "Site reliability lead",
)
SKILLS = (
    "Spring Boot, Kafka, PostgreSQL",
    "Python, PyTorch, vector search",
    "쿠버네티스, 도커, 젠킨스",
    "React and TypeScript",
    "contract law and negotiation",
    "welding, lathe, CNC milling",
)
DUTIES = (
    "designs services for payments",
    "moves forty million rows a night without losing one",
    "leads a team of seven people in three countries",
    "검색 품질을 측정하고 개선합니다",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of our vectors with the reference's of the same texts.

    Attributes:
        min_cosine: Of the text that agrees least.
        mean_cosine: Over all texts.
        top10_overlap: Share of each text's ten nearest neighbours that are the same, mean.
        texts: How many were compared.
    """

    min_cosine: float
    mean_cosine: float
    top10_overlap: float
    texts: int

    def rounded(self) -> dict[str, float]:
        """Return the figures, rounded for the log."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def probe_texts() -> list[str]:
    """Return some 140 texts in several scripts, from nothing to longer than most windows."""
    plain = [f"{role}: {skills}; {duty}." for role, skills, duty in product(ROLES, SKILLS, DUTIES)]
    long = [" ".join(plain[start : start + size]) for start, size in ((0, 5), (20, 20), (40, 60), (0, 120))]
    return [*ODD, *plain, *long]


def probe_queries() -> list[str]:
    """Return some of the probe texts, to be encoded as queries."""
    return [*ODD, *probe_texts()[len(ODD) :: 6]]


def measured(encoder: Encoder, reference: Vectors) -> Agreement:
    """Compare an encoder with the reference on the probe texts and queries.

    Args:
        encoder: Any.
        reference: As ``reference_vectors`` returns it, shape (texts + queries, dim); a row of NaN is not compared.

    Raises:
        ModelUnavailable: If the reference has no vector of any text.
    """
    documents = encode_isolating(encoder, probe_texts())
    queries = bisect(
        probe_queries(), lambda part: [encoder.encode_query(text) for text in part], failure=EncodingFailed
    )
    kept = np.isfinite(reference).all(axis=1)
    if not kept.any():
        raise ModelUnavailable("the model is broken: sentence-transformers makes no vector of any text with it")
    nothing = np.zeros(reference.shape[1], dtype=np.float32)
    ours = [nothing if isinstance(row, EncodingFailed) else row for row in (*documents, *queries)]
    return compared(np.stack(ours)[kept], reference[kept])


def compared(ours: Vectors, reference: Vectors) -> Agreement:
    """Compare two sets of vectors of shape (n, dim), L2-normalised, row by row."""
    cosines = np.einsum("ij,ij->i", ours, reference)
    return Agreement(
        min_cosine=float(cosines.min()),
        mean_cosine=float(cosines.mean()),
        top10_overlap=_overlap(_neighbours(ours), _neighbours(reference)),
        texts=len(ours),
    )


def _neighbours(vectors: Vectors) -> list[set[int]]:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return [set(row[:NEIGHBOURS].tolist()) for row in np.argsort(-similarity, axis=1, kind="stable")]


def _overlap(ours: list[set[int]], reference: list[set[int]]) -> float:
    shares = [len(a & b) / max(1, len(b)) for a, b in zip(ours, reference, strict=True)]
    return sum(shares) / len(shares)
