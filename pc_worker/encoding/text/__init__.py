"""Texts before they are encoded: normal form, sentences, passages, tokens, batches."""
