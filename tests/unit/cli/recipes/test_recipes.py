"""The packaged recipes: what they say, what they make, and how they travel."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from argosy.api import records as kinds
from argosy.cli.main import application
from argosy.cli.recipes import archive, data
from argosy.cli.recipes.recipe import BadRecipe, parse
from argosy.cli.recipes.scoring import LESS_IS_BETTER, SCORERS
from argosy.cli.recipes.shelf import Shelf, Shelved
from typer.testing import CliRunner

EIGHT = {
    "role-play": ("社交文娱", "kto"),
    "labour-contract-extraction": ("法律", "sft"),
    "customer-service-labels": ("电商营销", "sft"),
    "word-count-control": ("交互助手", "sft"),
    "maths-judging": ("在线教育", "sft"),
    "shopping-service-summary": ("电商营销", "sft"),
    "essay-marking": ("在线教育", "sft"),
    "distillation": ("在线教育", "distillation"),
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "recipes")


@pytest.fixture(params=EIGHT)
def shelved(request: pytest.FixtureRequest, shelf: Shelf) -> Shelved:
    return shelf.get(request.param)


def test_d36_the_eight_recipes_with_industry_and_method(shelf: Shelf) -> None:
    found = {s.recipe.name: (s.recipe.industry["zh"], s.recipe.method) for s in shelf.all()}
    assert found == EIGHT


def test_d36_search_by_name_industry_and_method(shelf: Shelf) -> None:
    def names(words: str) -> list[str]:
        return [each.recipe.name for each in shelf.search(words)]

    assert names("电商") == ["customer-service-labels", "shopping-service-summary"]
    assert names("online education sft") == ["essay-marking", "maths-judging"]
    assert names("KTO") == ["role-play"]
    assert names("nothing like it") == []


def test_the_command_lists_shows_and_searches(tmp_path: Path) -> None:
    app, runner = application(), CliRunner(env={"COLUMNS": "200"})
    listed = runner.invoke(app, ["recipes", "list", "--home", str(tmp_path)])
    assert all(name in listed.output for name in EIGHT)
    searched = runner.invoke(
        app, ["recipes", "list", "--search", "law", "--language", "zh", "--home", str(tmp_path)]
    )
    assert "劳动合同信息抽取" in searched.output
    assert "role-play" not in searched.output
    shown = runner.invoke(app, ["recipes", "show", "essay-marking", "--home", str(tmp_path)])
    assert "sft at scale lora" in shown.output
    with pytest.raises(BadRecipe, match="there is no recipe 'x'; there are: customer-service"):
        runner.invoke(
            app, ["recipes", "show", "x", "--home", str(tmp_path)], catch_exceptions=False
        )


def test_the_same_seed_makes_the_same_bytes_and_the_exam_is_not_trained_on(
    shelved: Shelved,
) -> None:
    recipe = shelved.recipe
    made, again = (shelved.data(recipe.training, recipe.exam, recipe.seed) for _ in range(2))
    assert made == again
    assert made != shelved.data(recipe.training, recipe.exam, recipe.seed + 1)
    sides = data.sides(recipe.kind)
    assert (len(made.training), len(made.exam)) == (sides * recipe.training, recipe.exam)
    asked = {json.dumps(question.messages) for question in made.exam}
    assert len(asked) == recipe.exam
    for record in made.training:
        messages = record["messages"]
        given = messages if recipe.kind == kinds.UNPAIRED else messages[:-1]
        assert json.dumps(given) not in asked


def test_the_right_answers_score_full_and_others_do_not(shelved: Shelved) -> None:
    recipe = shelved.recipe
    made = shelved.data(1, recipe.exam, recipe.seed)
    # The generator's own answers to the exam's questions.
    trained = shelved.data(recipe.training, 1, recipe.seed + 1)
    answers = [right_answer(q.reference, recipe.scorer) for q in made.exam]
    references = [question.reference for question in made.exam]
    scores = SCORERS[recipe.scorer](answers, references, recipe.evaluation)
    assert recipe.main in scores
    for name, value in scores.items():
        assert value == pytest.approx(0.0 if name in LESS_IS_BETTER else 1.0), name
    silent = SCORERS[recipe.scorer](["hm"] * recipe.exam, references, recipe.evaluation)
    assert silent[recipe.main] < 0.1
    assert trained.training


def right_answer(reference: object, scorer: str) -> str:
    match scorer, reference:
        case "labels" | "phrases", list():
            return ", ".join(reference)
        case "length", int():
            return " ".join(["word"] * reference)
        case _:
            return f"Here: {json.dumps(reference)}"


def test_a_wrong_answer_of_role_play_falls_out_of_the_role(shelf: Shelf) -> None:
    recipe = shelf.get("role-play").recipe
    made = shelf.get("role-play").data(60, 1, 3)
    for record in made.training:
        persona = record["messages"][0]["content"]
        assert persona.endswith("Never leave the role.")
        kept = SCORERS["phrases"]([record["completion"]], [["."]], recipe.evaluation)
        if record["label"]:
            assert kept["in_character"] == 1.0
    assert {record["label"] for record in made.training} == {True, False}


def test_training_answers_are_what_the_exam_would_call_right(shelf: Shelf) -> None:
    for name in EIGHT:
        shelved = shelf.get(name)
        if shelved.recipe.kind != kinds.DIALOGUE or shelved.recipe.scorer in {"length", "phrases"}:
            continue
        made = shelved.data(40, 1, 5)
        answers = [record["messages"][-1]["content"] for record in made.training]
        if shelved.recipe.scorer == "labels":
            assert all(answer for answer in answers)
        else:
            scores = SCORERS["fields"](
                answers, [json.loads(a) for a in answers], shelved.recipe.evaluation
            )
            assert scores == {"schema_valid": 1.0, "field_f1": 1.0}


def test_d58_notes_have_exactly_the_words_that_were_asked_for(shelf: Shelf) -> None:
    made = shelf.get("word-count-control").data(100, 1, 9)
    for record in made.training:
        asked, answer = record["messages"][-2]["content"], record["messages"][-1]["content"]
        count = next(int(word) for word in asked.split() if word.isdigit())
        assert len(answer.split()) == count


def test_d62_a_recipe_travels_in_one_archive_and_is_the_same_there(
    shelved: Shelved, tmp_path: Path
) -> None:
    content = archive.packed(shelved)
    assert content == archive.packed(shelved)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert sorted(packed.namelist()) == [
            "exam.jsonl",
            "recipe.toml",
            "schema.json",
            "training.jsonl",
        ]
        assert json.loads(packed.read("schema.json"))["kind"] == shelved.recipe.kind
    there = Shelf(tmp_path / "elsewhere")
    archive.unpack(content, tmp_path / "elsewhere")
    got = there.get(shelved.recipe.name)
    assert got.imported
    assert got.recipe == shelved.recipe
    recipe = shelved.recipe
    assert got.data(recipe.training, recipe.exam, 0) == shelved.data(
        recipe.training, recipe.exam, recipe.seed
    )
    archive.unpack(content, tmp_path / "elsewhere")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "no archive of a recipe"),
        (zipped(recipe_toml=b""), "must hold exactly"),
        (
            zipped(recipe_toml=b"", schema_json=b"", training_jsonl=b"", exam_jsonl=b"", x_py=b""),
            "must hold exactly",
        ),
        (
            zipped(recipe_toml=b"name = 1", schema_json=b"", training_jsonl=b"", exam_jsonl=b""),
            "cannot be read",
        ),
    ],
)
def test_d62_what_is_no_recipe_is_refused_and_leaves_nothing(
    content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadRecipe, match=message):
        archive.unpack(content, tmp_path / "recipes")
    assert not (tmp_path / "recipes").exists()


def test_d62_a_name_from_elsewhere_cannot_lead_out_of_the_folder(
    shelf: Shelf, tmp_path: Path
) -> None:
    text = shelf.get("role-play").text
    for name in ("../x", "a/b", "", "A" * 65, ".."):
        with pytest.raises(BadRecipe, match="a name has 1 to 64"):
            parse(text.replace('name = "role-play"', f'name = "{name}"', 1))


def test_a_generator_that_repeats_itself_is_noticed(shelf: Shelf) -> None:
    with pytest.raises(data.TooFew, match="only"):
        shelf.get("role-play").data(20_000, 1, 1)


def test_d56_a_labour_contract_yields_its_fields_and_the_clauses_that_it_lacks(
    shelf: Shelf,
) -> None:
    shelved = shelf.get("labour-contract-extraction")
    lacking = 0
    for record in shelved.data(60, 1, 4).training:
        contract = record["messages"][1]["content"]
        answer = json.loads(record["messages"][-1]["content"])
        for name in ("employer", "employee", "position", "months", "salary"):
            assert str(answer[name]) in contract
        for clause, words in {
            "place of work": "place of work",
            "working hours": "hours a week",
            "paid leave": "paid leave",
            "social insurance": "social insurance",
            "safety at work": "safe equipment",
        }.items():
            assert (clause in answer["missing"]) is (words not in contract)
        lacking += bool(answer["missing"])
    assert 0 < lacking < 60


def test_d60_a_summary_has_category_and_satisfaction_and_its_validity_is_a_rate(
    shelf: Shelf,
) -> None:
    recipe = shelf.get("shopping-service-summary").recipe
    good = {"category": "size", "satisfaction": "neutral", "summary": "Too small."}
    answers = [json.dumps(good), json.dumps({**good, "satisfaction": "fine"}), "It was size."]
    scores = SCORERS["fields"](answers, [good, good, good], recipe.evaluation)
    assert scores["schema_valid"] == pytest.approx(1 / 3)
