"""Words of every script: their parts, stems, spellings and n-grams, counted for search terms."""
