"""Search, its indexes, and how well it does."""
