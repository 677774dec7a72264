"""New records after the pattern of a few: what is asked of a model, and what is taken from it."""
