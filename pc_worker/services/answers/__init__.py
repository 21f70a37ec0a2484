"""Answers with citations from a domain's rows."""
