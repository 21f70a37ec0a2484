"""Prometheus metrics: of the line, of several processes, and where they are exported."""
