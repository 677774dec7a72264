"""Recipes on a whole fleet whose engine only counts: each step is taken and leaves what stays."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argosy.cli.recipes.data import sides
from argosy.cli.recipes.run import STEPS, Run, Wishes
from argosy.cli.recipes.shelf import Shelf
from rich.console import Console

from tests.harness.api_fleet import ApiFleet
from tests.harness.cluster import MODEL

NAMES = [each.recipe.name for each in Shelf(Path("none")).all()]
EXAMPLES, QUESTIONS = 12, 3


@pytest.fixture
def quick(fleet: ApiFleet) -> Iterator[ApiFleet]:
    with fleet.worker(step_seconds=0.01):
        yield fleet


@pytest.mark.parametrize("name", NAMES)
def test_d35_d38_a_recipe_runs_to_an_evaluated_result(
    name: str, quick: ApiFleet, tmp_path: Path
) -> None:
    shelved = Shelf(tmp_path).get(name)
    recipe = shelved.recipe
    if recipe.teacher:
        # This engine's answers come to no result, so nothing would be left of the teacher's.
        shelved = replace(
            shelved, recipe=replace(recipe, teacher={**recipe.teacher, "min_score": 0.0})
        )
    screen = io.StringIO()
    client = quick.sdk()
    wishes = Wishes(
        model=MODEL,
        training=EXAMPLES,
        exam=QUESTIONS,
        teacher=MODEL if recipe.teacher else "",
        price_per_hour=0.1,
    )
    result = Run(client, Console(file=screen, width=160), shelved, wishes)()

    # Each step leaves something that the API still knows.
    assert tuple(result.artefacts) == STEPS
    artefacts = result.artefacts
    prepared = client.files.retrieve(artefacts["prepare"]["training_file"])
    assert (prepared.purpose, prepared.status) == ("fine-tune", "processed")
    assert client.files.retrieve(artefacts["prepare"]["exam_file"]).purpose == "evals"
    assert artefacts["generate"]["records"] == sides(recipe.kind) * EXAMPLES
    version = artefacts["generate"]["dataset_version"]
    listed = client.get("/datasets", cast_to=dict, options={"params": {"limit": 100}})["data"]
    assert version in {each["latest_version"]["id"] for each in listed}
    choice = json.loads(client.files.content(artefacts["choose"]["choice_file"]).text)
    assert (choice["model"], len(choice["answers"])) == (MODEL, QUESTIONS)
    job = client.fine_tuning.jobs.retrieve(artefacts["tune"]["job"])
    assert job.status == "succeeded"
    assert job.training_file == artefacts["generate"]["dataset_version"]
    told = (job.model_extra or {})["argosy"]
    assert (told["method"], told["scale"]) == (recipe.method, recipe.scale)
    assert told["lora_rank"] == recipe.parameters["lora_rank"]
    assert job.hyperparameters.n_epochs == recipe.parameters["n_epochs"]
    assert (job.fine_tuned_model or "").startswith(f"ft:{MODEL}:argosy:{recipe.name}:")
    stored = json.loads(client.files.content(artefacts["evaluate"]["result_file"]).text)
    assert stored["models"] == result.as_json()["models"]

    # Base and tuned side by side, on the same exam, with what they cost.
    papers = result.papers
    assert [p.model for p in papers][:2] == [MODEL, job.fine_tuned_model]
    assert {len(paper.answers) for paper in papers} == {QUESTIONS}
    assert all(recipe.main in paper.scores for paper in papers)
    assert len(papers) == (3 if recipe.teacher else 2)
    shown = screen.getvalue()
    for step, word in enumerate(STEPS, start=1):
        assert f"{step}  {word}" in shown
    assert "cost of 1,000 calls" in shown
    # How long each step took, and one question with what both answered.
    assert shown.count("took ") >= len(STEPS)
    assert "for example" in shown


def test_d39_a_tuned_small_model_beside_a_larger_untuned_one(
    quick: ApiFleet, tmp_path: Path
) -> None:
    screen = io.StringIO()
    client = quick.sdk()
    # This fleet's engine serves one base, so that stands for the larger model, at its price.
    wishes = Wishes(
        model=MODEL,
        training=EXAMPLES,
        exam=QUESTIONS,
        against=(MODEL,),
        price_per_hour=0.1,
        prices={MODEL: 2.5},
    )
    shelved = Shelf(tmp_path).get("essay-marking")
    result = Run(client, Console(file=screen, width=160), shelved, wishes)().as_json()
    base, tuned, larger = result["models"]
    assert tuned["model"].startswith("ft:")
    for paper in (base, tuned, larger):
        assert paper["scores"].keys() == base["scores"].keys()
        assert paper["cost_per_thousand_calls"] > 0
        price = 0.1 if paper is tuned else 2.5
        hours = paper["seconds_per_thousand_calls"] / 3600
        assert paper["cost_per_thousand_calls"] == pytest.approx(hours * price)
    assert "compared" in screen.getvalue()
    assert "cost of 1,000 calls" in screen.getvalue()
