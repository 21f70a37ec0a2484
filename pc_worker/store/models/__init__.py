"""Embedding models, the active model of each domain, and the switch to another."""
