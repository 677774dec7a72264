"""Finds recipes: the packaged ones, and those that were imported into a home.

A packaged recipe makes its records by its generator; an imported one brings them, since code from
elsewhere is not run.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from argosy.cli.recipes import data, library
from argosy.cli.recipes.example import Generator
from argosy.cli.recipes.recipe import BadRecipe, Recipe, parse

RECIPE: Final = "recipe.toml"
TRAINING: Final = "training.jsonl"
EXAM: Final = "exam.jsonl"


@dataclass(frozen=True, slots=True)
class Shelved:
    """A recipe and the way to its data; `imported` tells where it came from."""

    recipe: Recipe
    text: str
    data: Callable[[int, int, int], data.Data]
    imported: bool = False


class Shelf:
    """The recipes of an install; `imported` is the folder of those from elsewhere."""

    def __init__(self, imported: Path) -> None:
        self._imported = imported

    def all(self) -> list[Shelved]:
        """Return all recipes by name; an imported one takes the place of a packaged one."""
        found = {each.recipe.name: each for each in _packaged()}
        if self._imported.is_dir():
            for folder in sorted(self._imported.iterdir()):
                if (folder / RECIPE).is_file():
                    found[folder.name] = _from_folder(folder)
        return [found[name] for name in sorted(found)]

    def search(self, words: str) -> list[Shelved]:
        """Return the recipes that have all the words."""
        return [each for each in self.all() if each.recipe.matches(words)]

    def get(self, name: str) -> Shelved:
        """Return a recipe; raises BadRecipe, naming those that exist."""
        found = self.all()
        for each in found:
            if each.recipe.name == name:
                return each
        names = ", ".join(each.recipe.name for each in found)
        raise BadRecipe(f"there is no recipe '{name}'; there are: {names}")


def _packaged() -> list[Shelved]:
    folders = [f for f in files(library).iterdir() if f.is_dir() and (f / RECIPE).is_file()]
    return [_generated(folder) for folder in sorted(folders, key=lambda f: f.name)]


def _generated(folder: Traversable) -> Shelved:
    text = (folder / RECIPE).read_text("utf-8")
    recipe = parse(text)

    def make(training: int, exam: int, seed: int) -> data.Data:
        module = importlib.import_module(f"{library.__name__}.{folder.name}.generator")
        generator: Generator = module.example
        return data.make(generator, training=training, exam=exam, seed=seed, kind=recipe.kind)

    return Shelved(recipe, text, make)


def _from_folder(folder: Path) -> Shelved:
    text = (folder / RECIPE).read_text("utf-8")
    recipe = parse(text)

    def read(training: int, exam: int, seed: int) -> data.Data:
        rows, items = (_lines(folder / name) for name in (TRAINING, EXAM))
        return data.Data(
            rows[: training * data.sides(recipe.kind)],
            [data.question(item) for item in items[:exam]],
        )

    return Shelved(recipe, text, read, imported=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
