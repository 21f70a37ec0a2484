"""The rows of the fault matrix, one file a component."""
