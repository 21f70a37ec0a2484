"""Answers: their record, their budget, and the passages they rest on."""
