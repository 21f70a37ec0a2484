"""Cells of a pickle that the walk has proved sound."""
