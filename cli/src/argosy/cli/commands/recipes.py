"""`argosy recipes`: worked examples of tuning, to list, run, export and import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home
from argosy.cli.recipes import archive
from argosy.cli.recipes.recipe import BadRecipe
from argosy.cli.recipes.shelf import Shelf

recipes = typer.Typer(
    help="Worked examples of tuning: made data, method, parameters, evaluation.",
    no_args_is_help=True,
)

LanguageOption = Annotated[Literal["en", "zh"], typer.Option("--language", help="Of the texts.")]
NameArgument = Annotated[str, typer.Argument(help="The recipe, as `argosy recipes list` names it.")]


def _shelf(home: Path) -> Shelf:
    return Shelf(home / "recipes")


@recipes.command("list")
def list_recipes(
    home: HomeOption = DEFAULT_HOME,
    search: Annotated[str, typer.Option(help="Words of the name, industry or method.")] = "",
    language: LanguageOption = "en",
) -> None:
    """List the recipes, or those that have all the words."""
    from argosy.cli.recipes.screen import show_list
    from rich.console import Console

    show_list(Console(), _shelf(home).search(search), language)


@recipes.command()
def show(
    name: NameArgument, home: HomeOption = DEFAULT_HOME, language: LanguageOption = "en"
) -> None:
    """Show what a recipe is: its method, parameters, data and evaluation."""
    from argosy.cli.recipes.screen import show_recipe
    from rich.console import Console

    show_recipe(Console(), _shelf(home).get(name).recipe, language)


@recipes.command()
def run(
    name: NameArgument,
    home: HomeOption = DEFAULT_HOME,
    model: Annotated[str, typer.Option(help="Base model; by default the fleet's.")] = "",
    training: Annotated[
        int | None, typer.Option(min=1, help="Examples to train on; by default the recipe's.")
    ] = None,
    exam: Annotated[
        int | None, typer.Option(min=1, help="Questions of the exam; by default the recipe's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the data and the training.")] = None,
    teacher: Annotated[str, typer.Option(help="Model to distil from, where a recipe does.")] = "",
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="A further model that sits the exam, such as a larger one: NAME, or NAME=PRICE "
            "with what its machine costs an hour; repeatable."
        ),
    ] = None,
    price_per_hour: Annotated[
        float, typer.Option(min=0.0, help="What this machine costs an hour, for the table.")
    ] = 0.0,
) -> None:
    """Run a recipe: make its data, tune, and compare the base with the tuned model."""
    place = Home.at(home)
    state = control.require_running(place)
    shelved = _shelf(home).get(name)
    if shelved.recipe.teacher and not teacher:
        raise BadRecipe(
            f"the recipe {name} learns from a larger model: name one with --teacher (those that "
            "are served: GET /v1/models)"
        )
    # Here, not above: the SDK takes half a second to import, and other commands need none.
    from argosy.cli.recipes.run import Run, Wishes
    from openai import OpenAI
    from rich.console import Console

    key = credentials.ensure(place).api_key
    client = OpenAI(base_url=state.base_url, api_key=key, timeout=300)
    prices = compared(against or [])
    wishes = Wishes(
        model or state.model,
        training,
        exam,
        seed,
        teacher,
        tuple(prices),
        price_per_hour,
        {name: price for name, price in prices.items() if price is not None},
    )
    result = Run(client, Console(), shelved, wishes)()
    there = "" if home == DEFAULT_HOME else f" --home {home}"
    job = result.artefacts["tune"]["job"]
    typer.echo(f"Curves and diagnosis: argosy tune report {job} --output report.html{there}")


def compared(wishes: Sequence[str]) -> dict[str, float | None]:
    """Return the models to compare with, each with its machine's price by the hour if told."""
    found: dict[str, float | None] = {}
    for wish in wishes:
        name, equals, price = wish.partition("=")
        try:
            found[name] = float(price) if equals else None
        except ValueError:
            raise UsageError(f"--against wants NAME or NAME=PRICE, not {wish!r}.") from None
    return found


@recipes.command()
def export(
    name: NameArgument,
    target: Annotated[Path, typer.Argument(help="The archive to write, a .zip.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write a recipe with its data into one archive, for another install."""
    content = archive.packed(_shelf(home).get(name))
    target.write_bytes(content)
    typer.echo(f"{target}: {len(content):,} bytes")


@recipes.command("import")
def import_recipe(
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The archive.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take a recipe in from an archive; one of the same name is replaced."""
    if source.stat().st_size > archive.MOST_BYTES:
        raise BadRecipe(f"{source} is larger than {archive.MOST_BYTES >> 20} MiB")
    recipe = archive.unpack(source.read_bytes(), home / "recipes")
    typer.echo(f"imported {recipe.name}: argosy recipes run {recipe.name}")
