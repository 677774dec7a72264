"""Whatever the trainer makes answers by its name through the gateway: the real trainer, registry,
gateway and transformers engine, on a miniature model; only vLLM is not there.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from argosy.cli.fleet import credentials

from tests.harness.cluster import Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[2]
BASE = "tiny"
STEPS = 4
QUESTION = [{"role": "user", "content": "Where to?"}]
WORDS = ("north", "south", "east", "west", "reef", "isle", "port", "bay", "cape", "sound")

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = Path(os.environ.get("ARGOSY_WORKER_PYTHON", ROOT / ".venv-ml" / "bin" / "python"))
    if not python.exists():
        pytest.skip(f"no ML environment at {python}: run `make setup`")
    folder = tmp_path_factory.mktemp("weights") / BASE
    maker = ROOT / "tests" / "fakes" / "tiny_model.py"
    subprocess.run([python, maker, folder], check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def cluster(
    weights: Path, tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    catalog = f"""
[[model]]
id = "{BASE}"
kind = "base"
owned_by = "tests"
context_length = 1024
trainable = true
pool = "transformers"
weights_path = "{weights}"
"""
    cluster = Cluster(
        tmp_path_factory.mktemp("home"),
        prepared_homes=prepared_homes,
        processes=("postgres", "nats", "registry", "trainer", "engine", "transformers", "gateway"),
        environment={"transformers": {"ARGOSY_ENGINE_THREADS": "1"}},
        catalog=catalog,
    )
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def sdk(cluster: Cluster) -> openai.OpenAI:
    return cluster.client(timeout=120)


def dialogues(count: int = 12) -> bytes:
    lines = [
        {"messages": [*QUESTION, {"role": "assistant", "content": f"to the {WORDS[n % 10]}"}]}
        for n in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def pair(number: int) -> dict[str, Any]:
    """Return a preference that is easy to learn: short and glad before long and gruff."""
    word = WORDS[number % 10]
    return {
        "input": {"messages": [{"role": "user", "content": f"the {word}, captain {number}?"}]},
        "preferred_output": [{"role": "assistant", "content": "aye aye"}],
        "non_preferred_output": [{"role": "assistant", "content": "NO NO NO NO"}],
    }


def tune(sdk: openai.OpenAI, content: bytes, **argosy: Any) -> Any:
    """Run a job to its end; return it."""
    validation = argosy.pop("validation", None)
    file = sdk.files.create(file=("train.jsonl", io.BytesIO(content)), purpose="fine-tune")
    more = {}
    if validation is not None:
        held = sdk.files.create(file=("held.jsonl", io.BytesIO(validation)), purpose="fine-tune")
        more["validation_file"] = held.id
    job = sdk.fine_tuning.jobs.create(
        model=argosy.pop("model", BASE),
        training_file=file.id,
        seed=1,
        extra_body={"argosy": {"max_steps": STEPS, "checkpoint_every_steps": 2, **argosy}},
        **more,
    )
    ended = wait_until(
        lambda: (j := sdk.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 300, "the job"
    )
    assert ended.status == "succeeded", ended.error
    return ended


def say(sdk: openai.OpenAI, model: str) -> tuple[str, float]:
    """Return what it says, and how sure it was of its first token."""
    answer = sdk.chat.completions.create(
        model=model, messages=QUESTION, temperature=0, max_tokens=8, logprobs=True,
        extra_body={"ignore_eos": True},
    )  # fmt: skip
    assert answer.model == model
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    return answer.choices[0].message.content or "", round(told.content[0].logprob, 2)


def card(sdk: openai.OpenAI, model: str) -> dict[str, Any]:
    found: dict[str, Any] = sdk.models.with_raw_response.retrieve(model).http_response.json()
    shown: dict[str, Any] = found["argosy"]
    return shown


@pytest.fixture(scope="module")
def base_says(sdk: openai.OpenAI) -> tuple[str, float]:
    assert set(card(sdk, BASE)["trainable_scales"]) == {"lora", "full", "prompt_tuning"}
    return say(sdk, BASE)


@pytest.mark.parametrize(
    ("scale", "more"),
    [
        ("lora", {"lora_rank": 4, "learning_rate": 0.02}),
        ("prompt_tuning", {"virtual_tokens": 4, "learning_rate": 0.3}),
        ("full", {"learning_rate": 1e-3}),
    ],
)
def test_h01_h03_d22_d48_d49_d50_each_scale_answers_by_its_name(
    cluster: Cluster,
    sdk: openai.OpenAI,
    weights: Path,
    base_says: tuple[str, float],
    scale: str,
    more: Any,
) -> None:
    before = (weights / "model.safetensors").read_bytes()
    job = tune(sdk, dialogues(), scale=scale, **more)
    # The base is as it was, whatever was trained.
    assert (weights / "model.safetensors").read_bytes() == before
    tuned = job.fine_tuned_model
    shown = card(sdk, tuned)
    assert (shown["base"], shown["artifact"], shown["servable"]) == (BASE, scale, True)
    assert (shown["job"], shown["step"]) == (job.id, STEPS)
    said = say(sdk, tuned)
    assert said != base_says
    # A checkpoint is a model of its own, with the weights of its step.
    checkpoints = sdk.fine_tuning.jobs.checkpoints.list(job.id).data
    early = next(c for c in checkpoints if c.step_number == 2)
    assert card(sdk, early.fine_tuned_model_checkpoint)["step"] == 2
    say(sdk, early.fine_tuned_model_checkpoint)
    assert say(sdk, BASE) == base_says
    streamed = sdk.chat.completions.create(
        model=tuned, messages=QUESTION, temperature=0, max_tokens=8, stream=True,
        stream_options={"include_usage": True}, extra_body={"ignore_eos": True},
    )  # fmt: skip
    chunks = list(streamed)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == said[0]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    sdk.models.delete(tuned)
    with pytest.raises(openai.NotFoundError):
        say(sdk, tuned)

    def dropped() -> bool:
        with _engine(cluster) as engine:
            listed = {m["id"] for m in engine.get("/v1/models").json()["data"]}
        return tuned not in listed

    wait_until(dropped, 20, "the engine to hear of the deletion")


def test_d42_a_reward_model_prefers_what_was_preferred(
    cluster: Cluster, sdk: openai.OpenAI
) -> None:
    held = [pair(number) for number in range(40, 50)]
    content = "".join(json.dumps(pair(number)) + "\n" for number in range(40)).encode()
    validation = "".join(json.dumps(one) + "\n" for one in held).encode()
    job = tune(
        sdk, content, validation=validation, method="reward", scale="lora", lora_rank=4,
        learning_rate=0.02, max_steps=12, checkpoint_every_steps=12,
    )  # fmt: skip
    name = job.fine_tuned_model
    assert card(sdk, name)["artifact"] == "reward"

    def reward(one: dict[str, Any], which: str) -> float:
        body = {"model": name, "messages": [*one["input"]["messages"], *one[which]]}
        with httpx.Client(headers={"authorization": f"Bearer {cluster.key}"}, timeout=120) as http:
            answer = http.post(f"{cluster.url()}/v1/rewards", json=body)
        assert answer.status_code == 200, answer.text
        return float(answer.json()["reward"])

    right = sum(reward(p, "preferred_output") > reward(p, "non_preferred_output") for p in held)
    assert right / len(held) >= _reported_accuracy(sdk, job.id) >= 0.5
    with pytest.raises(openai.BadRequestError, match="reward model"):
        say(sdk, name)


def _reported_accuracy(sdk: openai.OpenAI, job: str) -> float:
    """Return the accuracy on held-out pairs that the job told last."""
    events = sdk.fine_tuning.jobs.list_events(job, limit=100).data
    told = [e.data for e in events if e.type == "metrics" and isinstance(e.data, dict)]
    found = [v for d in told for k, v in d.items() if "accuracy" in k and "valid" in k]
    assert found, told[:3]
    return float(found[0])


def _engine(cluster: Cluster) -> httpx.Client:

    key = credentials.ensure(cluster.home).engine_key
    return httpx.Client(
        base_url=cluster.url("transformers"), headers={"authorization": f"Bearer {key}"}, timeout=10
    )
