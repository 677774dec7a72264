"""Evaluations of tuned models: answers through the gateway, measured, shown in the report.

The gateway is a stand-in whose answers depend on the model; trainer, registry and database are
real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from argosy.api.registry.v1 import registry_pb2
from argosy.api.registry.v1.accounts_pb2 import Actor, UpdateProjectRequest
from argosy.api.registry.v1.accounts_pb2_grpc import AccountServiceStub
from argosy.api.registry.v1.completions_pb2 import StoreCompletionRequest, StoredCompletion
from argosy.api.registry.v1.completions_pb2_grpc import CompletionServiceStub
from argosy.api.registry.v1.datasets_pb2 import ReadVersionRequest
from argosy.api.registry.v1.datasets_pb2_grpc import DatasetServiceStub
from argosy.api.trainer.v1 import trainer_pb2
from argosy.kit.errors import Conflict, InvalidRequest, NotFound

from tests.harness.chat_stand_in import ChatStandIn, chat_stand_in
from tests.harness.evaluation_client import Examiner
from tests.harness.registry_client import PROJECT
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard

GENERAL = "dsv_preset_general_v1"
LABELS = {"yes": ["aye"], "no": ["nay"]}
# What the base knows: filled by the test that asks it.
GENERAL_ANSWERS: dict[str, str] = {}


def answers(body: dict[str, Any]) -> str:
    """The base says nay to everything; what was tuned knows, but forgot what it could."""
    model, asked = body["model"], body["messages"][-1]["content"]
    if "refuse" in model:
        raise ValueError("no such model")
    if "result" in json.dumps(body.get("response_format", {})):
        return '{"result": 4}'
    if "Ship" not in asked:
        # General questions: the base says all it knows.
        return "Paris 42 cold 巴黎" if model.startswith("ft:") else GENERAL_ANSWERS.get(asked, "")
    even = int(asked.rsplit(" ", 1)[1]) % 2 == 0
    return "Aye, she has." if even and model.startswith("ft:") else "Nay!"


@pytest.fixture(scope="module")
def gateway() -> Iterator[ChatStandIn]:
    with chat_stand_in(answers) as running:
        running.models["embedder"] = "embedding"
        yield running


@pytest.fixture(scope="module")
def ships(gateway: ChatStandIn) -> Iterator[Yard]:
    env = {"ARGOSY_GATEWAY_URL": gateway.url, "ARGOSY_PRESET_DATASETS": "true"}
    with yard(registry_env=env) as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    return ships.trainer(env={"ARGOSY_POLL_SECONDS": "0.1", "ARGOSY_DRIFT_SECONDS": "0.5"}).start()


def line(number: int) -> bytes:
    said = "Aye" if number % 2 == 0 else "Nay"
    record = {
        "messages": [
            {"role": "user", "content": f"Has she sailed? Ship {number}"},
            {"role": "assistant", "content": said},
        ]
    }
    return json.dumps(record).encode() + b"\n"


async def upload(ships: Yard, numbers: Sequence[int] = range(1, 21)) -> str:
    async with ships.files() as files:
        return (await files.upload(b"".join(map(line, numbers)))).id


async def trained(ships: Yard, trainer: Trainer, **fields: Any) -> trainer_pb2.Job:
    async with Tuner(trainer) as tuner:
        parameters = {"max_steps": 4, "checkpoint_every_steps": 2}
        made = await tuner.create(await upload(ships), parameters=parameters, **fields)
        return await tuner.succeeded(made.id)


@pytest.fixture(scope="module")
def job(ships: Yard, trainer: Trainer) -> trainer_pb2.Job:
    return asyncio.run(trained(ships, trainer))


async def model_of(ships: Yard, name: str) -> registry_pb2.Model:
    async with ships.files() as files:
        request = registry_pb2.GetModelRequest(project_id=PROJECT, model_id=name)
        return (await files.catalog.GetModel(request, timeout=10)).model


async def records_of(ships: Yard, version: str) -> list[dict[str, Any]]:
    request = ReadVersionRequest(project_id=PROJECT, version_id=version)
    async with ships.registry.channel() as channel:
        pieces = DatasetServiceStub(channel).ReadVersion(request, timeout=10)
        content = b"".join([piece.chunk async for piece in pieces])
    return [json.loads(line) for line in content.splitlines()]


async def test_p25_c08_d30_s14_base_result_and_checkpoints_are_measured_on_the_same_records(
    ships: Yard, trainer: Trainer, job: trainer_pb2.Job, gateway: ChatStandIn
) -> None:
    data = await upload(ships)
    async with Examiner(trainer) as examiner:
        made = await examiner.create(
            data, job=job.id, models=["base", "result", "checkpoints"], labels=LABELS
        )
        assert (made.status, made.older_status) == ("queued", "Pending")
        told = await examiner.result(made.id)
        done = await examiner.get(made.id)
        rows = await examiner.answers(made.id, model=job.fine_tuned_model)
        report = await examiner.report(job.id)
    assert (done.older_status, done.total, done.answered, done.failed) == ("Done", 80, 80, 0)
    assert (told["task_type"], told["headline"]) == ("closed", "accuracy")
    base, result, *checkpoints = told["models"]
    assert [entry["role"] for entry in told["models"]] == ["base", "result"] + ["checkpoint"] * 2
    assert [entry["step"] for entry in checkpoints] == [2, 4]
    assert base["metrics"]["accuracy"]["value"] == 50
    assert result["metrics"]["accuracy"]["value"] == 100
    assert base["metrics"]["accuracy"]["low"] < 50 < base["metrics"]["accuracy"]["high"]
    # Macro F1: nay is right in half of the records, aye is never said.
    assert base["metrics"]["f1_macro"]["value"] == pytest.approx(100 / 3)
    assert {each["label"]: each["accuracy"] for each in base["labels"]} == {"no": 100, "yes": 0}
    # "Aye, she has." is the right label, though not the right words.
    assert result["metrics"]["exact_match"]["value"] == 50
    assert base["worst"] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    (versus, *_) = told["comparisons"]
    assert (versus["model"], versus["against"]) == (job.fine_tuned_model, job.model)
    assert (versus["wins"], versus["ties"], versus["losses"]) == (10, 10, 0)
    assert versus["deltas"]["accuracy"]["outcome"] == "better"
    assert rows[1].text == "Aye, she has."
    assert (rows[1].line, rows[1].reference, rows[1].said_label) == (2, "Aye", "yes")
    assert rows[1].scores["accuracy"] == 100
    # The report has it: as a finding, as a curve, and with its task type.
    verdicts = [found["verdict"] for found in report["diagnosis"]["findings"]]
    assert "improved" in verdicts
    assert report["curves"]["evaluation_accuracy"] == {"steps": [0, 2, 4], "values": [50, 100, 100]}
    assert report["evaluations"][-1]["task_type"] == "closed"
    # D30: wherever models are chosen, the figures are beside them.
    beside = json.loads((await model_of(ships, job.fine_tuned_model)).evaluation_json)
    assert (beside["id"], beside["task_type"], beside["records"]) == (made.id, "closed", 20)
    assert beside["metrics"].keys() >= {
        "bleu_4", "edit_distance", "embedding_distance", "rouge_1", "rouge_2", "rouge_l",
    }  # fmt: skip
    # It asked with a key of the project, as any client does.
    assert all(key.startswith("Bearer sk-") for key in gateway.keys)


async def test_d26_what_was_forgotten_is_in_the_report_of_a_job_with_presets(
    ships: Yard, trainer: Trainer
) -> None:
    async def brought() -> bool:
        # The registry brings them behind its start.
        with contextlib.suppress(grpc.RpcError):
            for record in await records_of(ships, "dsv_preset_general_eval_v1"):
                asked, answer = record["messages"]
                GENERAL_ANSWERS[asked["content"]] = answer["content"]
        return bool(GENERAL_ANSWERS)

    await eventually(brought, "the presets")
    mixed = {"data": [{"source": GENERAL, "ratio": 0.5}]}
    job = await trained(ships, trainer, tuning=mixed)
    async with Examiner(trainer) as examiner:

        async def attached() -> bool:
            return bool(await examiner.of_job(job.id))

        await eventually(attached, "the check")
        (check,) = await examiner.of_job(job.id)
        assert check.purpose == "forgetting"
        told = await examiner.result(check.id)
        report = await examiner.report(job.id)
    assert told["headline"] == "key_recall"
    base, result = told["models"]
    assert base["metrics"]["key_recall"]["value"] == 100
    assert result["metrics"]["key_recall"]["value"] < 60
    diagnosis = report["diagnosis"]
    assert diagnosis["verdict"] == "forgot"
    finding = diagnosis["findings"][0]
    assert finding["evidence"]["numbers"]["delta"] < -40
    assert finding["evidence"]["records"]
    # Half a general record for each of the task was not enough.
    assert '"ratio": 1}' in finding["advice"]
    assert report["curves"]["general_key_recall"]["steps"] == [0, 4]
    # A check of general ability is not what the model is for.
    assert (await model_of(ships, job.fine_tuned_model)).evaluation_json == ""


async def test_d28_a_job_that_goes_on_from_a_tuned_model_is_compared_with_it(
    ships: Yard, trainer: Trainer, job: trainer_pb2.Job
) -> None:
    held_out = await upload(ships, range(101, 121))
    second = await trained(ships, trainer, model=job.fine_tuned_model, validation_file=held_out)
    async with Examiner(trainer) as examiner:
        (made,) = await examiner.of_job(second.id)
        told = await examiner.result(made.id)
        report = await examiner.report(second.id)
    assert made.purpose == "against_parent"
    assert [model.model for model in made.models] == [job.fine_tuned_model, second.fine_tuned_model]
    assert told["comparisons"][0]["against"] == job.fine_tuned_model
    # Both answer alike: nothing was won.
    assert "no_gain" in [found["verdict"] for found in report["diagnosis"]["findings"]]


async def test_p25_people_and_a_judge_score_answers(
    ships: Yard, trainer: Trainer, job: trainer_pb2.Job
) -> None:
    data = await upload(ships, range(1, 5))
    async with Examiner(trainer) as examiner:
        made = await examiner.create(
            data, job=job.id, models=["result"], judge={"model": "base-one"}, manual={}
        )
        told = await examiner.result(made.id)
        waits = await examiner.get(made.id)
        assert (waits.status, waits.older_status) == ("awaiting_scores", "DoingWithManualBegin")
        judge = told["models"][0]["judge"]
        assert judge["metric"] == "综合得分"
        assert (judge["avgJudgeScore"], judge["stdJudgeScore"]) == (4, 0)
        assert judge["medianJudgeScore"] == 4
        assert judge["scoreDistribution"]["4"] == 1
        model = job.fine_tuned_model
        with pytest.raises(InvalidRequest, match="between 0 and 2"):
            await examiner.score(made.id, model, 1, {"满意度": 3})
        with pytest.raises(InvalidRequest, match="满意度"):
            await examiner.score(made.id, model, 1, {"style": 1})
        for number, score in ((1, 2), (2, 2), (3, 1)):
            waits = await examiner.score(made.id, model, number, {"满意度": score})
            assert waits.status == "awaiting_scores"
        done = await examiner.score(made.id, model, 4, {"满意度": 0})
    assert (done.status, done.older_status) == ("succeeded", "Done")
    manual = json.loads(done.result_json)["models"][0]["manual"]
    assert manual["subjectiveImpression"] == 1.25
    people = manual["满意度"]
    assert people["manualAvgScore"] == 1.25
    assert people["goodCaseProportion"] == 0.5
    assert people["manualScoreDistribution"] == {"0": 0.25, "1": 0.25, "2": 0.5}


async def test_an_evaluation_goes_on_where_it_was_after_a_crash_and_can_be_cancelled(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    data = await upload(ships, range(1, 201))
    async with Examiner(trainer) as examiner:
        gateway.requests.clear()
        made = await examiner.create(data, models=["base-one"], embedding_model="none")

        async def half_way() -> bool:
            return len(gateway.requests) >= 60

        await eventually(half_way, "answers")
        trainer.kill()
    trainer.start()
    async with Examiner(trainer) as examiner:
        done = await examiner.ended(made.id)
        assert (done.status, done.answered) == ("succeeded", 200)
        # What was on its way when it died is asked again, and no more.
        assert 200 <= len(gateway.requests) <= 200 + 8
        second = await examiner.create(data, models=["base-one"], max_records=150)
        stopped = await examiner.cancel(second.id)
        assert stopped.status == "cancelled"
        assert stopped.older_status in ("Stopped", "Stopping")
        with pytest.raises(Conflict):
            await examiner.cancel(second.id)
        with pytest.raises(NotFound):
            await examiner.get(second.id, project="proj_other")
        # One that is under way is gone with its answers; whoever worked on it goes on to the next.
        third = await examiner.create(data, models=["base-one"], embedding_model="none")
        gateway.requests.clear()

        async def under_way() -> bool:
            return bool(gateway.requests)

        await eventually(under_way, "answers")
        await examiner.delete(third.id)
        with pytest.raises(NotFound):
            await examiner.get(third.id)
        last = await examiner.create(await upload(ships, [1]), models=["base-one"])
        assert (await examiner.ended(last.id)).status == "succeeded"


async def test_p25_what_no_model_answers_fails_and_what_one_refuses_is_partly_done(
    ships: Yard, trainer: Trainer, job: trainer_pb2.Job
) -> None:
    data = await upload(ships, range(1, 31))
    async with Examiner(trainer) as examiner:
        nobody = await examiner.create(data, models=["refuse"])
        failed = await examiner.ended(nobody.id)
        assert (failed.status, failed.older_status) == ("failed", "Failed")
        assert failed.error.code == "no_answers"
        assert "no such model" in failed.error.message
        some = await examiner.create(data, models=["base-one", "refuse"])
        done = await examiner.ended(some.id)
        assert (done.status, done.older_status) == ("succeeded", "PartlyDone")
        assert (done.answered, done.failed) == (30, 30)
        with pytest.raises(InvalidRequest) as refused:
            await examiner.create(data, job=job.id, grader={"type": "magic"})
        assert refused.value.param is not None
        assert refused.value.param.startswith("grader")
        with pytest.raises(InvalidRequest, match="models"):
            await examiner.create(data)
        with pytest.raises(NotFound):
            await examiner.create("file-000000000000000000000000", models=["base-one"])


async def test_no_answer_is_lost_to_a_gateway_that_is_away_for_a_while(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    data = await upload(ships, range(1, 9))
    # Every try of the window's but one: it is answered at last, the others wait for the next.
    gateway.busy = 31
    async with Examiner(trainer) as examiner:
        made = await examiner.create(data, models=["base-one"], embedding_model="none")
        done = await examiner.ended(made.id)
    assert (done.status, done.answered, done.failed) == ("succeeded", 8, 0)
    assert gateway.busy == 0


async def store(ships: Yard, model: str, ratings: Sequence[str]) -> None:
    """Store a completion of a model for each rating, of questions that it was trained on."""
    async with ships.registry.channel() as channel:
        accounts, completions = AccountServiceStub(channel), CompletionServiceStub(channel)
        await accounts.UpdateProject(
            UpdateProjectRequest(
                actor=Actor(key_id="key_test"), project_id=PROJECT, stores_completions=True
            ),
            timeout=10,
        )
        for number, rating in enumerate(ratings):
            asked = [{"role": "user", "content": f"Has she sailed? Ship {number % 20}"}]
            answer = {"choices": [{"message": {"role": "assistant", "content": "Nay"}}]}
            stored = StoredCompletion(
                id=f"chatcmpl-drift-{number}",
                project_id=PROJECT,
                model=model,
                messages=json.dumps(asked),
                completion=json.dumps(answer),
                metadata={"rating": rating} if rating else {},
            )
            stored.created_at.GetCurrentTime()
            await completions.StoreCompletion(StoreCompletionRequest(completion=stored), timeout=10)


async def test_d31_the_trainer_looks_for_drift_by_itself(ships: Yard, trainer: Trainer) -> None:
    job = await trained(ships, trainer)
    await store(ships, job.fine_tuned_model, ["down"] * 8 + ["up"] * 12 + [""] * 20)
    async with Tuner(trainer) as tuner, Examiner(trainer) as examiner:

        async def suggested() -> bool:
            told = [event.message for event in await tuner.events(job.id)]
            return any("Incremental training is suggested" in message for message in told)

        await eventually(suggested, "the suggestion")
        report = await examiner.report(job.id)
        drift = await examiner.drift(job.id)
    assert "drifted" in [found["verdict"] for found in report["diagnosis"]["findings"]]
    assert (drift["verdict"], drift["requests"], drift["records"]) == ("bad_cases", 40, 20)
    assert drift["suggestion"]["reflow"]["rating"] == "down"
    assert drift["findings"][0]["evidence"]["numbers"]["rate"] == pytest.approx(0.4)
