"""The catalogue of operators, and pipelines made of it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from argosy.registry.datasets.operators.catalogue import CATALOGUE, pipeline
from argosy.registry.datasets.operators.cleaning import Cleaning, Sample
from argosy.registry.datasets.operators.policy import STAGES
from argosy.registry.domain.rules import RuleBroken

from tests.unit.registry.operators.records import talk, text


def test_p23_there_are_the_seventeen_operators_in_four_stages() -> None:
    by_stage = {stage: {n for n, d in CATALOGUE.items() if d.stage == stage} for stage in STAGES}
    assert by_stage == {
        "clean": {
            "remove_emoji",
            "remove_invisible_character",
            "replace_uniform_whitespace",
            "remove_non_meaning_characters",
            "replace_traditional_chinese_to_simplified",
            "remove_web_identifiers",
        },
        "filter": {
            "filter_check_number_words",
            "filter_check_word_repetition_removal",
            "filter_check_character_repetition_removal",
            "filter_check_special_characters",
            "filter_check_flagged_words",
            "filter_check_lang_id",
            "filter_check_perplexity",
        },
        "deduplication": {"deduplication_simhash"},
        "desensitization": {"replace_emails", "replace_ip", "replace_identifier"},
    }
    assert len(CATALOGUE) == 17


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_table_says_what_the_code_does(name: str) -> None:
    description = CATALOGUE[name]
    signature = inspect.signature(description.build).parameters
    assert {p.name: p.default for p in description.parameters} == {
        each.name: each.default for each in signature.values()
    }
    for parameter in description.parameters:
        for bound in (parameter.low, parameter.high):
            if bound is None:
                continue
            beyond = bound - 1 if bound == parameter.low else bound * 2 + 1
            kind = int if isinstance(parameter.default, int) else float
            with pytest.raises(RuleBroken, match=r"must be from .* to ") as broken:
                description.make({parameter.name: kind(beyond)})
            assert broken.value.param == parameter.name


@pytest.mark.parametrize(
    ("operations", "param"),
    [
        ({}, "operations"),
        ({"polish": []}, "operations"),
        ({"clean": "remove_emoji"}, "operations.clean"),
        ({"clean": ["remove_emoji"]}, "operations.clean[0]"),
        ({"clean": [{"name": "replace_ip"}]}, "operations.clean[0].name"),
        ({"clean": [{"name": "remove_emoji", "args": {"x": 1}}]}, "operations.clean[0].args"),
        (
            {"deduplication": [{"name": "deduplication_simhash", "args": {"distance": 11}}]},
            "operations.deduplication[0].args.distance",
        ),
        (
            {"filter": [{"name": "filter_check_lang_id", "args": {"languages": ["xx"]}}]},
            "operations.filter[0].args.languages",
        ),
    ],
)
def test_a_wrong_pipeline_is_refused_by_its_place(operations: Any, param: str) -> None:
    with pytest.raises(RuleBroken) as broken:
        pipeline(operations)
    assert broken.value.param == param


def test_c24_each_operator_tells_what_remains_what_it_dropped_and_samples() -> None:
    cleaning = Cleaning(
        pipeline(
            {
                # Deduplication comes after cleaning, in whatever order they are written.
                "deduplication": [{"name": "deduplication_simhash", "args": {"distance": 0}}],
                "filter": [
                    {"name": "filter_check_number_words", "args": {"number_words_min_cutoff": 2}}
                ],
                "clean": [{"name": "remove_emoji"}],
            }
        ),
        samples=1,
    )
    records = [
        talk("a", "b \U0001f600"),
        talk("a", "b "),
        text("x"),
        text("\U0001f600"),
        text("y z"),
    ]
    remaining = list(cleaning(iter(records)))
    assert remaining == [talk("a", "b "), text("y z")]
    assert [(s.name, s.seen, s.changed, s.dropped, s.remaining) for s in cleaning.steps] == [
        ("remove_emoji", 5, 1, 1, 4),
        ("filter_check_number_words", 4, 0, 1, 3),
        ("deduplication_simhash", 3, 0, 1, 2),
    ]
    assert [step.samples for step in cleaning.steps] == [
        [Sample(1, records[0], talk("a", "b "))],
        [Sample(3, text("x"), None)],
        [Sample(2, talk("a", "b "), None)],
    ]
