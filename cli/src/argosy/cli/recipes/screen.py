"""How recipes and their results look in a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence

from argosy.cli.recipes.data import Question
from argosy.cli.recipes.exam import Paper
from argosy.cli.recipes.recipe import Recipe
from argosy.cli.recipes.scoring import LESS_IS_BETTER
from argosy.cli.recipes.shelf import Shelved
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table


def show_list(console: Console, found: Sequence[Shelved], language: str) -> None:
    """Print a table of recipes."""
    table = Table(Column("recipe", no_wrap=True), "title", "industry", "method", "judged by")
    for each in found:
        recipe = each.recipe
        name = f"{recipe.name} (imported)" if each.imported else recipe.name
        table.add_row(
            name, recipe.title[language], recipe.industry[language], recipe.method.upper(),
            recipe.main,
        )  # fmt: skip
    console.print(table)


def show_recipe(console: Console, recipe: Recipe, language: str) -> None:
    """Print all that a recipe says."""
    console.print(f"[bold]{recipe.title[language]}[/bold]  ({recipe.name})")
    console.print(recipe.description[language])
    table = Table(show_header=False)
    rows = {
        "industry": recipe.industry[language],
        "method": f"{recipe.method} at scale {recipe.scale}",
        "data": f"{recipe.training} examples to train on, {recipe.exam} of the exam, "
        f"seed {recipe.seed}",
        "parameters": ", ".join(f"{n} = {v}" for n, v in recipe.parameters.items()),
        "teacher": json.dumps(recipe.teacher, ensure_ascii=False) if recipe.teacher else "",
        "evaluation": f"{recipe.scorer}, above all {recipe.main}",
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    console.print(table)


def show_papers(console: Console, recipe: Recipe, papers: Sequence[Paper]) -> None:
    """Print the models side by side: the first is the base, the second the tuned one."""
    heads = (f"{role}\n{p.model}" for role, p in zip(_roles(papers), papers, strict=True))
    table = Table("", *heads)
    for name in papers[0].scores:
        less = " (less is better)" if name in LESS_IS_BETTER else ""
        shown = f"[bold]{name}[/bold]" if name == recipe.main else name
        table.add_row(shown + less, *(f"{paper.scores[name]:.3f}" for paper in papers))
    table.add_row("tokens a call", *(f"{paper.tokens_per_call():.0f}" for paper in papers))
    seconds = [paper.seconds_per_thousand_calls() for paper in papers]
    table.add_row("seconds per 1,000 calls", *(f"{each:.0f}" for each in seconds))
    if any(paper.price_per_hour for paper in papers):
        costs = [paper.cost_per_thousand_calls() for paper in papers]
        table.add_row("cost of 1,000 calls", *(f"{each:.4f}" for each in costs))
    console.print(table)


def show_answers(console: Console, questions: Sequence[Question], papers: Sequence[Paper]) -> None:
    """Print one question with the answers to it: the first that base and tuned model differ in."""
    base, tuned = papers[0].answers, papers[1].answers
    differ = (n for n, pair in enumerate(zip(base, tuned, strict=True)) if pair[0] != pair[1])
    number = next(differ, 0)
    table = Table(show_header=False, title="for example", title_justify="left", show_lines=True)
    table.add_row("question", escape(questions[number].messages[-1]["content"]))
    wanted = questions[number].reference
    told = wanted if isinstance(wanted, str) else json.dumps(wanted, ensure_ascii=False)
    table.add_row("judged by", escape(told))
    for role, paper in zip(_roles(papers), papers, strict=True):
        table.add_row(role, escape(paper.answers[number]))
    console.print(table)


def _roles(papers: Sequence[Paper]) -> list[str]:
    return ["base", "tuned", *("compared" for _ in papers[2:])]
