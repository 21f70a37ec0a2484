"""Search in SQL: terms, vectors, filters, fusion, indexes."""
