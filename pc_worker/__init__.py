"""Pickle files of records in; embedded, searchable, delivered rows out."""
