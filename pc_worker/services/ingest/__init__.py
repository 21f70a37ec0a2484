"""From a source to stored and published rows."""
