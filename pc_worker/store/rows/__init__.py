"""Rows and what belongs to them: identities, vectors, terms, deletion."""
