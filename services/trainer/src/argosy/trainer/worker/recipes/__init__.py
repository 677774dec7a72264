"""One recipe a method, each readable from top to bottom."""
