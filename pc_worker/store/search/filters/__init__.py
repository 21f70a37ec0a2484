"""Filters: what users write, and which rows they leave."""
