"""Cells: the values that plain Python cannot hold, time zones, and the JSON value of each cell."""
