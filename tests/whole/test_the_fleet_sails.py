"""One whole voyage on the real engine and the real trainer, by the commands that a user types.

From an empty home to a tuned model that answers by its name, also after a kill of the trainer, a
`down` and an `up`. Every request goes through the stock SDK.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from argosy.cli.demo.charts import make_task

from tests.harness.commanded_fleet import Fleet, running
from tests.harness.waiting import wait_until

BASE = "smollm2-135m-instruct"
CANARY = "xylophone-quartz-heron"

pytestmark = [pytest.mark.ml, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("home")) as fleet:
        yield fleet


def _say(client: openai.OpenAI, model: str, text: str = "What is the capital of France?") -> str:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], temperature=0, max_tokens=12
    )
    assert answer.model == model
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    return answer.choices[0].message.content or ""


def _tune(fleet: Fleet, client: openai.OpenAI) -> tuple[str, list[str]]:
    """Tune for six steps, killing the trainer on the way; return the model and its checkpoints."""
    content = make_task(seed=3, training=24).training_jsonl()
    file = client.files.create(file=("charts.jsonl", io.BytesIO(content)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=file.id,
        suffix="voyage",
        seed=1,
        method={"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 4}}},
        extra_body={"argosy": {"lora_rank": 8, "learning_rate": 2e-3, "max_steps": 6,
                               "checkpoint_every_steps": 2}},
    )  # fmt: skip
    wait_until(
        lambda: client.fine_tuning.jobs.checkpoints.list(job.id).data, 240, "the first checkpoint"
    )
    os.kill(fleet.process("trainer")["pid"], signal.SIGKILL)
    ended = wait_until(
        lambda: (j := client.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 400, "the job"
    )
    assert ended.status == "succeeded", ended.error
    assert ended.fine_tuned_model is not None
    events = client.fine_tuning.jobs.list_events(job.id, limit=100)
    metrics = [e.data for e in events if e.type == "metrics"]
    steps = sorted({d["step"] for d in metrics if isinstance(d, dict) and "train_loss" in d})
    assert steps == [1, 2, 3, 4, 5, 6]
    result = client.files.content(ended.result_files[0]).text
    assert len(result.splitlines()) == 7
    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert sorted(c.step_number for c in checkpoints) == [2, 4, 6]
    return ended.fine_tuned_model, [c.fine_tuned_model_checkpoint for c in checkpoints]


def test_the_fleet_sails(fleet: Fleet) -> None:
    client = fleet.client()
    assert all(p["ready"] for p in fleet.status()["processes"])
    base_says = _say(client, BASE)
    assert "Paris" in base_says
    stream = client.chat.completions.create(
        model=BASE, messages=[{"role": "user", "content": f"Repeat: {CANARY}"}], stream=True,
        max_tokens=12, stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    assert chunks[-1].usage is not None
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    structured = client.chat.completions.create(
        model=BASE, messages=[{"role": "user", "content": "Give a number."}], max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": shape}},
    )  # fmt: skip
    assert isinstance(json.loads(structured.choices[0].message.content or "")["n"], int)
    vectors = client.embeddings.create(model="use-multilingual-v3", input=["a ship", "一艘船"])
    assert [len(v.embedding) for v in vectors.data] == [512, 512]

    tuned, checkpoints = _tune(fleet, client)
    listed = {m.id for m in client.models.list()}
    assert {BASE, tuned, *checkpoints} <= listed
    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(lambda _: _say(client, tuned), range(6)))
    assert len(answers) == 1
    for checkpoint in checkpoints:
        _say(client, checkpoint)

    fleet.down()
    fleet.up()
    client = fleet.client()
    assert {_say(client, tuned)} == answers

    client.models.delete(tuned)
    with pytest.raises(openai.NotFoundError) as caught:
        _say(client, tuned)
    assert caught.value.code == "model_not_found"
    assert _say(client, BASE) == base_says
    assert CANARY not in fleet.logs()


def test_what_vllm_cannot_load_answers_too(fleet: Fleet) -> None:
    client = fleet.client()
    content = make_task(seed=4, training=12).training_jsonl()
    file = client.files.create(file=("charts.jsonl", io.BytesIO(content)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=file.id,
        seed=1,
        extra_body={"argosy": {"scale": "prompt_tuning", "virtual_tokens": 8, "max_steps": 2}},
    )  # fmt: skip
    ended = wait_until(
        lambda: (j := client.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 400, "the job"
    )
    assert ended.status == "succeeded", ended.error
    assert ended.fine_tuned_model is not None
    _say(client, ended.fine_tuned_model)
    assert "Paris" in _say(client, BASE)


def _prefix_cache_hits(fleet: Fleet) -> float:
    """Return how many tokens of prompts the engine has found in its prefix cache so far."""
    told = httpx.get(f"http://127.0.0.1:{fleet.process('engine')['port']}/metrics", timeout=30).text
    found = re.findall(r"^vllm:prefix_cache_hits_total(?:\{.*\})? (\S+)$", told, re.MULTILINE)
    assert found, told[:2000]
    return sum(map(float, found))


def test_ab11_the_engines_prefix_cache_is_apart_for_each_project(fleet: Fleet) -> None:
    ours = fleet.client()
    projects = ours.copy(admin_api_key=ours.api_key).admin.organization.projects
    theirs = projects.service_accounts.create(projects.create(name="Others").id, name="prober")
    assert theirs.api_key is not None
    others = ours.with_options(api_key=theirs.api_key.value)
    # Longer than some blocks of the cache, and never sent before.
    prompt = " ".join(f"The {number}th ship carries salt and amber." for number in range(60))

    def hits(client: openai.OpenAI) -> float:
        before = _prefix_cache_hits(fleet)
        _say(client, BASE, prompt)
        return _prefix_cache_hits(fleet) - before

    assert hits(ours) == 0
    primed = hits(ours)
    assert primed > 0
    # A guess of what the first project has sent is as cold as if it never had been there.
    assert hits(others) == 0
    assert hits(others) == primed
