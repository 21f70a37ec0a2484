"""Text to search terms: words of every script, their stems and spellings, n-grams, counts."""
