"""The prompts: one text file for each version, `NAME-VERSION.txt`."""
