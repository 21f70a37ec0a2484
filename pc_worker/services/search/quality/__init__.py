"""How well search finds the relevant rows of judged queries."""
