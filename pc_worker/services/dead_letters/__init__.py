"""Dead letters of jobs: listed, retried, dropped."""
