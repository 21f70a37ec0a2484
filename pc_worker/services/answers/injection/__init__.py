"""Text that speaks to a model instead of the reader."""
