"""Admission of calls, and quotas per token and host."""
