"""The models that answers are asked of, and the prompt files that they are given."""
