"""Files: read by position and checked for changes, their digest, and files that change in one step."""
