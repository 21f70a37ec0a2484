"""Encoders against sentence-transformers."""
