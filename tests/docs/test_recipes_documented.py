"""docs/recipes.md names every recipe with its industry, method and measures."""

from __future__ import annotations

from pathlib import Path

from argosy.cli.recipes.shelf import Shelf, Shelved

from tests.docs import sources


def told(shelved: Shelved) -> tuple[str, str, str, str]:
    recipe = shelved.recipe
    industry = f"{recipe.industry['en']} · {recipe.industry['zh']}"
    return (f"`{recipe.name}`", industry, recipe.method, recipe.main)


def test_every_recipe_is_documented(tmp_path: Path) -> None:
    text = (sources.ROOT / "docs/recipes.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    found = [
        (row[0], row[1], row[2], row[3].split(",")[0].strip("`"))
        for row in rows
        if len(row) == 4 and row[0].startswith("`")
    ]
    assert found == [told(each) for each in Shelf(tmp_path).all()]
