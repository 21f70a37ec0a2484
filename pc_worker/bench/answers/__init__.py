"""``bench answers``: what an answer takes besides its language model."""
