"""A recipe; its parts are `recipe.toml` and `generator.py`."""
