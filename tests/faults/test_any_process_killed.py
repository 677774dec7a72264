"""`kill -9` of any one process during a tuning run and during streaming.

Nothing that was acknowledged is lost: files, jobs, usage, the run's steps, the streams that do not
pass through the dead process.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from tests.harness import invariants
from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import EVERYTHING, MODEL, Cluster
from tests.harness.waiting import wait_until

STEPS = 60
RECORD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
LINES = (json.dumps(RECORD) + "\n").encode() * 12
# A stream passes through these two; killing one ends it, as FA01 and FA09 tell.
ON_THE_STREAMS_WAY = {"gateway", "engine"}

pytestmark = pytest.mark.timeout(240)


def _patient(cluster: Cluster) -> openai.OpenAI:
    """A client as users run it: with the SDK's retries."""
    return cluster.client(max_retries=8)


def _stream(client: openai.OpenAI, tokens: int) -> int:
    """Return how many chunks with text a stream had; raises if it was cut."""
    chunks = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "count"}], stream=True, max_tokens=tokens
    )
    return sum(1 for c in chunks if c.choices and c.choices[0].delta.content)


def test_nothing_acknowledged_is_lost(make_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    control = tmp_path / "worker.json"
    control.write_text(json.dumps({"step_seconds": 0.4}))
    cluster = make_cluster(
        worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)],
        engine_arguments=["--slow-ms", "40"],
        environment={"trainer": {"ARGOSY_LEASE_SECONDS": "5"}},
    ).start()
    client = _patient(cluster)
    training = client.files.create(file=("t.jsonl", io.BytesIO(LINES)), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=training,
        seed=1,
        extra_body={"argosy": {"max_steps": STEPS, "checkpoint_every_steps": 5}},
    ).id
    kept = {training}

    def trained() -> int:
        extension = (client.fine_tuning.jobs.retrieve(job).model_extra or {})["argosy"]
        return int(extension["completed_steps"] or 0)

    wait_until(lambda: trained() >= 5, 60, "the first checkpoint")
    with ThreadPoolExecutor(1) as pool:
        for name in EVERYTHING:
            streaming = None
            if name not in ON_THE_STREAMS_WAY:
                streaming = pool.submit(_stream, client, 60)
            pid = cluster.kill(name)
            acknowledged = client.files.create(
                file=(f"{name}.txt", io.BytesIO(name.encode())), purpose="user_data"
            )
            kept.add(acknowledged.id)
            if streaming is not None:
                assert streaming.result(30) == 60, f"the stream was cut by the end of {name}"
            cluster.wait_restarted(name, pid, 60)

    ended = wait_until(
        lambda: (j := client.fine_tuning.jobs.retrieve(job)).finished_at and j, 120, "the job"
    )
    assert ended.status == "succeeded", ended.error
    assert ended.fine_tuned_model is not None
    assert {f.id for f in client.files.list(limit=100)} >= kept
    for name in EVERYTHING:
        of_name = next(f for f in client.files.list(limit=100) if f.filename == f"{name}.txt")
        assert client.files.content(of_name.id).text == name
    events = client.fine_tuning.jobs.list_events(job, limit=100)
    steps = [
        e.data["step"]
        for e in events
        if e.type == "metrics" and isinstance(e.data, dict) and "train_loss" in e.data
    ]
    assert sorted(steps) == list(range(1, STEPS + 1))
    answer = client.chat.completions.create(
        model=ended.fine_tuned_model, messages=[{"role": "user", "content": "hi"}], max_tokens=3
    )
    assert answer.model == ended.fine_tuned_model
    invariants.outboxes_drain(cluster)
    invariants.no_orphans(cluster)
    # One usage row a completion that was acknowledged: five streams and one answer, training too.
    # What the killed gateway was at is there as well, as `gateway_died`.
    query = "SELECT operation, outcome FROM registry.usage_event WHERE outcome = 'ok'"
    operations = wait_until(
        lambda: len(rows := cluster.sql(query)) >= 7 and rows,
        30,
        "the ledger",
    )
    assert operations.count(["chat", "ok"]) == 6
    assert operations.count(["training", "ok"]) == 1
