"""Pickles: one walk that proves a file sound, then cells by position; nothing is executed."""
