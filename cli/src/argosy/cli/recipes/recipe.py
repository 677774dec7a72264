"""A recipe as its recipe.toml says it. Read strictly: what does not hold together is refused."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any, Final

from argosy.api import records as kinds
from argosy.cli.errors import FleetError
from argosy.cli.recipes.scoring import SCORERS

LANGUAGES: Final = ("en", "zh")
# What a method's training records are made into.
KIND_OF: Final = {
    kinds.SFT: kinds.DIALOGUE,
    kinds.KTO: kinds.UNPAIRED,
    kinds.DPO: kinds.PREFERENCE,
    kinds.DISTILLATION: kinds.DIALOGUE,
}
MOST_RECORDS: Final = 20_000
_HYPERPARAMETERS: Final = ("n_epochs", "batch_size")


class BadRecipe(FleetError):
    """The recipe cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe says of itself; texts by language."""

    name: str
    title: dict[str, str]
    industry: dict[str, str]
    description: dict[str, str]
    method: str
    scale: str
    training: int
    exam: int
    seed: int
    max_tokens: int
    parameters: dict[str, Any]
    teacher: dict[str, Any]
    scorer: str
    main: str
    evaluation: dict[str, Any]

    @property
    def kind(self) -> str:
        """Return the kind of its training records."""
        return KIND_OF[self.method]

    def hyperparameters(self) -> dict[str, Any]:
        """Return what OpenAI has a slot for."""
        return {n: v for n, v in self.parameters.items() if n in _HYPERPARAMETERS}

    def extension(self) -> dict[str, Any]:
        """Return what rides under `argosy`."""
        extra = {n: v for n, v in self.parameters.items() if n not in _HYPERPARAMETERS}
        return {"method": self.method, "scale": self.scale, **extra}

    def matches(self, words: str) -> bool:
        """Tell whether every word is in its name, titles, industries or method."""
        said = " ".join(
            (self.name, self.method, *self.title.values(), *self.industry.values())
        ).lower()
        return all(word in said for word in words.lower().split())


def parse(text: str) -> Recipe:
    """Return the recipe that `text` describes; raises BadRecipe."""
    try:
        told = tomllib.loads(text)
        data, evaluation = told["data"], dict(told["evaluation"])
        recipe = Recipe(
            name=_name(told["name"]),
            title=_texts(told["title"]),
            industry=_texts(told["industry"]),
            description=_texts(told["description"]),
            method=told["method"],
            scale=told["scale"],
            training=_count(data["training"]),
            exam=_count(data["exam"]),
            seed=int(data["seed"]),
            max_tokens=_count(data["max_tokens"]),
            parameters=dict(told["parameters"]),
            teacher=dict(told.get("teacher", {})),
            scorer=evaluation.pop("scorer"),
            main=evaluation.pop("main"),
            evaluation=evaluation,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecipe(f"the recipe cannot be read: {error}") from None
    if recipe.method not in KIND_OF or recipe.scale not in kinds.SCALES:
        raise BadRecipe(f"a recipe's method is one of {', '.join(KIND_OF)}, its scale one of "
                        f"{', '.join(kinds.SCALES)}")  # fmt: skip
    if recipe.scorer not in SCORERS:
        raise BadRecipe(f"a recipe's scorer is one of {', '.join(SCORERS)}")
    return recipe


def _name(value: str) -> str:
    if not 1 <= len(value) <= 64 or not set(value) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise ValueError("a name has 1 to 64 small letters, digits and hyphens")
    return value


def _texts(value: dict[str, str]) -> dict[str, str]:
    if set(value) != set(LANGUAGES) or not all(value.values()):
        raise ValueError(f"title, industry and description are in {' and '.join(LANGUAGES)}")
    return dict(value)


def _count(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_RECORDS:
        raise ValueError(f"counts are from 1 to {MOST_RECORDS}")
    return value
