"""How rows get their scores: by words (BM25), by vectors, by both, and by feedback."""
