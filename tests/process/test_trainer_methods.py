"""Every method at each of its scales, from a file of its kind to a model, with the fake child.

And what is refused, kept and told on the way: kinds, samples, dropped records, early stops, gaps.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.api import records
from argosy.api.registry.v1 import registry_pb2
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.trainer.domain.methods import METHODS

from tests.harness import artifacts
from tests.harness.registry_fleet import CATALOG
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard
from tests.harness.tuning_records import GRADER, lines

BASE = "base-two"
SHORT = {"n_epochs": 1, "batch_size": 10}


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with tempfile.TemporaryDirectory(prefix="argosy-base-") as folder:
        weights = artifacts.write_base(Path(folder) / "weights")
        # The registry and the child may run as others.
        Path(folder).chmod(0o755)
        # An engine that loads whole models, learnt prompts and reward models.
        catalog = f"""{CATALOG}
[[pool]]
name = "any"
engine = "transformers"
replicas = ["http://127.0.0.1:41001"]

[[model]]
id = "{BASE}"
kind = "base"
owned_by = "tests"
context_length = 64
trainable = true
pool = "main"
weights_path = "{weights}"
"""
        with yard(catalog=catalog) as running:
            yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    return ships.trainer().start()


async def upload(ships: Yard, kind: str, count: int = 20) -> str:
    async with ships.files() as files:
        return (await files.upload(lines(kind, count))).id


def extras(method: str) -> dict[str, Any]:
    match method:
        case records.RLHF:
            return {"grader_json": json.dumps(GRADER)}
        case _:
            return {}


def spec_of(trainer: Trainer, job: pb.Job) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads((trainer.run_dir(job.id) / "spec.json").read_text())
    return spec


# Those that need a teacher, an environment or a program besides have tests of their own.
ELSEWHERE = (records.DISTILLATION, records.COMPRESSION, records.CUSTOM)
ALONE = [name for name in METHODS if name not in ELSEWHERE]


@pytest.mark.parametrize("method", ALONE)
async def test_d01_d02_d03_every_method_runs_at_each_of_its_scales(
    ships: Yard, trainer: Trainer, method: str
) -> None:
    kind = METHODS[method].learns_from[0]
    file = await upload(ships, kind)
    async with Tuner(trainer) as tuner, ships.files() as files:
        for scale in METHODS[method].scales:
            made = await tuner.create(
                file,
                model=BASE,
                parameters=SHORT,
                tuning={"method": method, "scale": scale, **extras(method)},
            )
            job = await tuner.succeeded(made.id)
            assert (job.planned.method, job.planned.scale) == (method, scale)
            spec = spec_of(trainer, job)
            assert (spec["method"], spec["scale"], spec["data_kind"]) == (method, scale, kind)
            assert ("beta" in spec) is (method in (records.DPO, records.KTO, records.ORPO))
            assert spec.get("nll_coefficient") == (1.0 if method == records.DPO else None)
            assert spec["grader"] == (GRADER if method == records.RLHF else None)
            model = await files.model(job.fine_tuned_model)
            expected = {
                "lora": registry_pb2.ARTIFACT_LORA,
                "full": registry_pb2.ARTIFACT_FULL,
                "prompt_tuning": registry_pb2.ARTIFACT_PROMPT_TUNING,
            }[scale]
            if method == records.REWARD:
                expected = registry_pb2.ARTIFACT_REWARD
            assert model.artifact == expected
            assert model.job_id == job.id


async def test_d55_the_samples_of_a_reinforcement_run_are_kept(
    ships: Yard, trainer: Trainer
) -> None:
    file = await upload(ships, records.PROMPTS)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            file,
            model=BASE,
            parameters={"max_steps": 3},
            tuning={"method": "rlhf", **extras("rlhf")},
        )
        await tuner.succeeded(made.id)
        series = await tuner.series(made.id)
    assert [step.step for step in series.steps] == [1, 2, 3]
    assert all({"reward", "kl"} == step.values.keys() for step in series.steps)
    assert [list(step.records) for step in series.steps] == [[1, 2], [2, 3], [3, 4]]
    assert [sample.step for sample in series.samples] == [1, 2, 3]
    sample = series.samples[0]
    assert (sample.prompt, sample.text, sample.logprob, sample.reward) == (
        "Hello?", "Hello!", -1.5, 0.5,
    )  # fmt: skip


@pytest.mark.parametrize("method", ALONE)
async def test_c09_c10_c11_a_file_of_the_wrong_kind_is_refused_with_the_right_ones(
    ships: Yard, trainer: Trainer, method: str
) -> None:
    learns = METHODS[method].learns_from
    wrong = next(kind for kind in records.KINDS if kind not in learns)
    file = await upload(ships, wrong)
    async with Tuner(trainer) as tuner:
        with pytest.raises(InvalidRequest, match=f"kind '{wrong}'") as refused:
            await tuner.create(file, model=BASE, tuning={"method": method, **extras(method)})
    assert refused.value.param == "training_file"
    for kind in learns:
        assert f"'{kind}'" in refused.value.message


async def test_c32_what_the_child_drops_is_told_and_kept(ships: Yard, trainer: Trainer) -> None:
    trainer.control(dropped=[3, 7])
    try:
        async with Tuner(trainer) as tuner:
            made = await tuner.create(
                await upload(ships, records.DIALOGUE), model=BASE, parameters={"max_steps": 1}
            )
            await tuner.succeeded(made.id)
            series = await tuner.series(made.id)
            told = [event.message for event in await tuner.events(made.id)]
    finally:
        trainer.control()
    assert [(each.count, list(each.lines)) for each in series.dropped] == [(2, [3, 7])]
    assert any("2 records of the training data left out" in message for message in told)


async def test_d24_validation_points_appear_as_often_as_asked_or_never(
    ships: Yard, trainer: Trainer
) -> None:
    file, validation = [await upload(ships, records.DIALOGUE, count) for count in (30, 3)]
    async with Tuner(trainer) as tuner:
        steps = {}
        for every in (0, 10):
            made = await tuner.create(
                file,
                model=BASE,
                validation_file=validation,
                parameters={"max_steps": 30, "validate_every_steps": every},
            )
            await tuner.succeeded(made.id)
            series = await tuner.series(made.id)
            steps[every] = [s.step for s in series.steps if s.HasField("valid_loss")]
    assert steps == {0: [], 10: [10, 20, 30]}


async def test_d25_early_stop_ends_the_run_and_keeps_the_best_checkpoint(
    ships: Yard, trainer: Trainer
) -> None:
    file, validation = [await upload(ships, records.DIALOGUE, count) for count in (50, 3)]
    trainer.control(valid_losses=[1.0, 0.5, 0.6, 0.7])
    try:
        async with Tuner(trainer) as tuner, ships.files() as files:
            made = await tuner.create(
                file,
                model=BASE,
                validation_file=validation,
                parameters={
                    "max_steps": 50,
                    "validate_every_steps": 5,
                    "checkpoint_every_steps": 50,
                    "early_stop_patience": 2,
                },
            )
            job = await tuner.succeeded(made.id)
            assert (job.early_stop.step, job.early_stop.best_step) == (20, 10)
            assert (job.completed_steps, job.published_step) == (20, 10)
            assert (await files.model(job.fine_tuned_model)).step == 10
            told = [event.message for event in await tuner.events(job.id)]
            assert any("Stopped early after step 20" in message for message in told)
            # All 20 steps were trained, and all are charged.
            series = await tuner.series(job.id)
            assert job.trained_tokens == sum(step.tokens for step in series.steps)
            assert len(series.steps) == 20
    finally:
        trainer.control()


async def test_d21_d22_exactly_the_checkpoints_asked_for_can_be_chosen(
    ships: Yard, trainer: Trainer
) -> None:
    file, validation = [await upload(ships, records.DIALOGUE, count) for count in (50, 3)]
    # The best is the second of five, and would be gone without being the best.
    trainer.control(valid_losses=[1.0, 0.5, 0.9, 0.9, 0.9])
    try:
        async with Tuner(trainer) as tuner, ships.files() as files:
            made = await tuner.create(
                file,
                model=BASE,
                validation_file=validation,
                parameters={
                    "n_epochs": 5,
                    "batch_size": 50,
                    "checkpoint_every_steps": 1,
                    "validate_every_steps": 1,
                    "keep_checkpoints": 3,
                    "publish": "best",
                },
            )
            job = await tuner.succeeded(made.id)
            kept = {each.step: each.model_id for each in await tuner.checkpoints(job.id)}
            assert sorted(kept) == [2, 4, 5]
            for step, model_id in kept.items():
                assert (await files.model(model_id)).step == step
            with pytest.raises(NotFound):
                await files.model(f"{job.fine_tuned_model}:ckpt-step-1")
            assert job.published_step == 2
            assert (await files.model(job.fine_tuned_model)).step == 2
    finally:
        trainer.control()


async def test_e16_a_killed_child_leaves_a_gap_in_the_series(ships: Yard, trainer: Trainer) -> None:
    trainer.control(lives=[{"die_at_step": 7}])
    try:
        async with Tuner(trainer) as tuner:
            made = await tuner.create(
                await upload(ships, records.DIALOGUE),
                model=BASE,
                parameters={"max_steps": 10, "checkpoint_every_steps": 4},
            )
            await tuner.succeeded(made.id)
            series = await tuner.series(made.id)
    finally:
        trainer.control()
    assert [step.step for step in series.steps] == list(range(1, 11))
    (gap,) = series.interruptions
    assert (gap.at_step, gap.resumed_from) == (6, 4)
    assert "signal 9" in gap.why


async def test_the_series_can_be_read_from_a_step_on(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            await upload(ships, records.DIALOGUE), model=BASE, parameters={"max_steps": 5}
        )
        await tuner.succeeded(made.id)
        series = await tuner.series(made.id, after=3)
        assert [step.step for step in series.steps] == [4, 5]
        with pytest.raises(NotFound):
            await tuner.series("ftjob-none")


async def test_p19_events_come_as_often_as_asked(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            await upload(ships, records.DIALOGUE),
            model=BASE,
            parameters={"max_steps": 10, "loggingSteps": 4},
        )
        await tuner.succeeded(made.id)
        assert sorted(await tuner.losses(made.id)) == [4, 8, 10]
        assert len((await tuner.series(made.id)).steps) == 10


async def test_a_part_of_the_training_file_can_be_kept_for_validation(
    ships: Yard, trainer: Trainer
) -> None:
    trainer.control(hold_at_step=1, hold_file=str(trainer.folder / "go"))
    try:
        async with Tuner(trainer) as tuner:
            made = await tuner.create(
                await upload(ships, records.DIALOGUE, 50),
                model=BASE,
                parameters={"validation_split": 20.0, "max_steps": 2},
            )
            data = trainer.run_dir(made.id) / "data"

            async def both() -> bool:
                return (data / "validation.jsonl").exists() and (data / "training.jsonl").exists()

            await eventually(both, "the split")
            counts = [
                len((data / f"{name}.jsonl").read_bytes().splitlines())
                for name in ("training", "validation")
            ]
            (trainer.folder / "go").touch()
            job = await tuner.succeeded(made.id)
    finally:
        trainer.control()
    assert counts == [40, 10]
    assert job.planned.parameters["validate_every_steps"].integer > 0


async def test_d01_a_scale_that_a_model_lacks_is_refused_with_those_it_has(
    ships: Yard, trainer: Trainer
) -> None:
    async with Tuner(trainer) as tuner:
        for scale in ("FullFineTuning", "PromptTuning", "LoRA"):
            made = await tuner.create(
                await upload(ships, records.DIALOGUE),
                model=BASE,
                parameters={"max_steps": 1},
                tuning={"scale": scale},
            )
            assert (await tuner.succeeded(made.id)).planned.scale != scale
        with pytest.raises(InvalidRequest, match="Available: lora, full") as refused:
            await tuner.create(
                await upload(ships, records.PREFERENCE),
                model=BASE,
                tuning={"method": "dpo", "scale": "PromptTuning"},
            )
        assert refused.value.param == "argosy.scale"


async def test_c19_an_unpublished_version_is_not_trained_on(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        with pytest.raises(InvalidRequest, match="does not exist") as refused:
            await tuner.create("dsv_none", model=BASE)
        assert refused.value.param == "training_file"
        assert not isinstance(refused.value, Conflict)
