"""Answers checked sentence by sentence."""
