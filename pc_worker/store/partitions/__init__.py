"""Partitions of a domain: hash parts of its rows, range parts of its log, and the copy of existing tables into them."""
