"""Whether hits are about the question at all: a search always finds the nearest rows, however far they are.

``recommended_min_score`` of search is another rule: it is for final scores, which feedback and rerankers change.
"""

from __future__ import annotations

from pc_worker.services.answers.checks.check import content_terms, script
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.store.search.query.query_words import known_terms

#: Cosine similarity of a passage from which it is about the question, even without common words.
SIMILAR = 0.45
#: Less is enough for a passage that has this share of the question's content words.
LESS_SIMILAR = 0.25
WORDS_SHARE = 0.5
#: Share without a similarity, in a domain whose queries have no model.
WORDS_ALONE = 0.5


def relevant_hits(found: SearchResult, question: str) -> list[SearchHit]:
    """Return the hits that are about the question, in their order."""
    asked = content_terms(question)
    return [hit for hit in found.hits if _is_relevant(hit, asked, question)]


def _is_relevant(hit: SearchHit, asked: set[int], question: str) -> bool:
    if hit.vector_score is not None and hit.vector_score >= SIMILAR:
        return True
    text = hit.passage.text if hit.passage else " ".join(map(str, hit.payload.values()))
    share = len(asked & known_terms("", text)) / len(asked) if asked else 0.0
    if hit.vector_score is None:
        return share >= WORDS_ALONE
    return hit.vector_score >= LESS_SIMILAR and share >= WORDS_SHARE and script(text) == script(question)
