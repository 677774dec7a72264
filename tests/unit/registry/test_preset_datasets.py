"""What the preset data sets hold: whole records, none twice, none in both purposes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from argosy.api import records as kinds
from argosy.registry.datasets.operators.insight.traits import kind_of
from argosy.registry.datasets.presets.catalogue import EVALUATION, PRESETS, TRAINING, Preset


def questions(preset: Preset) -> set[str]:
    return {json.dumps(r.get("input", r.get("messages", [])[:-1])) for r in preset.records()}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_c17_a_preset_is_small_whole_and_the_same_everywhere(preset: Preset) -> None:
    records = preset.records()
    assert records == preset.records()
    assert len(records) == len(questions(preset)) == (40 if preset.purpose == EVALUATION else 120)
    assert {kind_of(record) for record in records} == {preset.kind}
    assert preset.metadata()["license"] == "Apache-2.0"
    text = "\n".join(preset.lines())
    assert len(text) < 64 << 10
    # Both languages, and nothing unfilled.
    assert any("\u4e00" <= c <= "\u9fff" for c in text)
    assert " the " in text or " is " in text
    assert "{thing}" not in text


def test_c36_presets_for_role_play_sentiment_and_labour_contracts_in_both_purposes() -> None:
    by_purpose: dict[str, set[Any]] = {TRAINING: set(), EVALUATION: set()}
    for preset in PRESETS:
        by_purpose[preset.purpose].add(preset.key.removesuffix("_eval"))
    for purpose in (TRAINING, EVALUATION):
        assert {"role_play", "sentiment", "labour_contracts", "general"} <= by_purpose[purpose]


def test_no_question_is_both_trained_on_and_evaluated_by() -> None:
    by_key = {preset.key: preset for preset in PRESETS}
    for key, preset in by_key.items():
        if evaluation := by_key.get(f"{key}_eval"):
            assert not questions(preset) & questions(evaluation)


def test_d26_presets_serve_as_a_common_corpus_and_as_vertical_ones_by_label() -> None:
    training = [p for p in PRESETS if p.purpose == TRAINING and p.kind == kinds.DIALOGUE]
    assert [p.key for p in training if p.corpus == "common"] == ["general"]
    assert {p.label for p in training if p.corpus == "vertical"} == {
        "entertainment",
        "e-commerce",
        "law",
    }
