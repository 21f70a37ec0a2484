"""Jobs as their owners see them: progress, cancel and resume."""
