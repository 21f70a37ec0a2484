"""Search in SQL: words, vectors, filters, fusion, indexes."""
