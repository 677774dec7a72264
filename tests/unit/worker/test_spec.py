"""What a run is told, and what of it is refused by name."""

import json
from pathlib import Path

import pytest
from argosy.trainer.worker.failures import Failure, Reason
from argosy.trainer.worker.spec import load_spec, parse_spec

SPEC = {
    "job_id": "ftjob-1",
    "weights_path": "/models/tiny",
    "training_file": "/data/train.jsonl",
    "seed": 1,
    "n_epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.002,
    "lora_rank": 16,
    "max_seq_length": 1024,
    "checkpoint_every_steps": 20,
}


def test_a_spec_is_typed_and_its_optional_fields_default_to_none() -> None:
    spec = parse_spec(SPEC)
    assert spec.weights_path == Path("/models/tiny")
    assert (spec.validation_file, spec.max_steps, spec.resume_from) == (None, None, None)


def test_the_spec_of_yesterday_is_supervised_lora_on_one_file() -> None:
    spec = parse_spec(SPEC | {"sources": None, "method": None})
    assert (spec.method, spec.scale, spec.kind()) == ("sft", "lora", "dialogue")
    assert [(str(each.path), each.rate) for each in spec.training_sources()] == [
        ("/data/train.jsonl", 1.0)
    ]


def test_sources_win_over_the_training_file() -> None:
    spec = parse_spec(SPEC | {"sources": [{"path": "/a", "rate": 0.1}, {"path": "/b"}]})
    assert [(str(each.path), each.rate) for each in spec.training_sources()] == [
        ("/a", 0.1),
        ("/b", 1.0),
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"n_epochs": 1.5}, "n_epochs"),
        ({"max_steps": 0}, "max_steps"),
        ({"method": "ppo"}, "method is 'ppo', not one of sft,"),
        ({"scale": "qlora"}, "scale"),
        ({"method": "dpo", "data_kind": "text"}, "dpo learns from preference or ranked"),
        ({"method": "rlhf"}, "grader or reward_model_path"),
        ({"training_file": None}, "training_file or sources"),
        ({"sources": [{"path": "/a", "rate": -1}]}, "rate of -1.0"),
        ({"sources": [{"path": "/a", "share": 1}]}, "unknown share"),
        ({"early_stop_patience": 2}, "early_stop_patience needs a validation_file"),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_spec(SPEC | change)


def test_a_spec_that_lacks_a_field_is_an_internal_failure(tmp_path: Path) -> None:
    partial = {name: value for name, value in SPEC.items() if name != "seed"}
    (tmp_path / "spec.json").write_text(json.dumps(partial), "utf-8")
    with pytest.raises(Failure, match="missing seed") as caught:
        load_spec(tmp_path)
    assert caught.value.reason is Reason.INTERNAL
