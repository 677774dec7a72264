"""The packaged recipes, a folder each."""
