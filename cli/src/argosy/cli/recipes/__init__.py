"""Recipes: worked examples of tuning, each from made data to an evaluated result.

`library/<name>/` holds a recipe: what it is (`recipe.toml`) and how its data is made
(`generator.py`, standard library only). `recipe.py` reads one, `shelf.py` finds them, `data.py`
makes the records, `scoring.py` judges answers, `run.py` drives a fleet through the public API,
`archive.py` packs a recipe for another install.
"""
