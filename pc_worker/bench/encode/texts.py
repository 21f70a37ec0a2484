"""Texts for `bench encode`: the same on every machine."""

from __future__ import annotations

from random import Random

REPEATS = 0.3  # share of texts that came before
WORDS = """
java kotlin spring boot python django react typescript node postgresql redis kafka docker kubernetes
linux aws terraform security payment search ranking recommendation pipeline streaming batch latency
throughput memory index vector embedding transaction isolation replication failover monitoring tracing
budget hiring mentoring roadmap customer contract negotiation logistics warehouse nursing surgery welding
milling tutoring translation accounting designed built led improved measured migrated reviewed operated
documented automated tested delivered reduced for with and of the in on across from within after before
during a large small distributed reliable international
"""
SKILLS = 40  # this many of the first words


def mixed_texts(count: int, *, seed: int = 4) -> list[str]:
    """Return ``count`` texts of 3 to 220 words, most of them short, 30 % of them repeats, shuffled."""
    random = Random(seed)  # noqa: S311  # the same texts each time are the point
    distinct = [_text(random) for _ in range(round(count * (1 - REPEATS)))]
    texts = distinct + random.choices(distinct, k=count - len(distinct))
    random.shuffle(texts)
    return texts


def skills_texts(count: int, *, seed: int = 4) -> list[str]:
    """Return ``count`` distinct texts as a candidate's or a job's skills make them."""
    random = Random(seed)  # noqa: S311  # as above
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[", ".join(random.sample(WORDS.split()[:SKILLS], k=random.randint(3, 12)))] = None
    return list(texts)


def _text(random: Random) -> str:
    words = max(3, min(220, round(random.lognormvariate(3.3, 0.9))))
    return " ".join(random.choices(WORDS.split(), k=words))
