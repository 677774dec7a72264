"""A real Prometheus watches a whole fleet: every panel and every rule finds its data."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest

from dashboards import boards
from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import MODEL, Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.prometheus import Prometheus, watching
from tests.harness.waiting import wait_until

EMBEDDING = "use-multilingual-v3"
PRICES = f"""
[[price]]
model = "{MODEL}"
input = 100.0
output = 400.0
training = 2.0
"""
LINE = {
    "messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello!"}]
}


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[tuple[Cluster, Prometheus]]:
    folder = tmp_path_factory.mktemp("watched")
    control = folder / "worker.json"
    control.write_text(json.dumps({"step_seconds": 0.5}))
    cluster = Cluster(
        folder / "home",
        prepared_homes=prepared_homes,
        worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)],
        environment={"registry": {"ARGOSY_COST_GAUGE_SECONDS": "1"}},
        catalog=PRICES,
    )
    try:
        cluster.start()
        targets = cluster.home.targets_file
        with watching(folder / "prometheus", targets) as prometheus, loaded(cluster.client()):
            use(cluster.client())
            yield cluster, prometheus
    finally:
        cluster.stop()


@contextmanager
def loaded(client: openai.OpenAI) -> Iterator[None]:
    """Stream, complete and embed over and over until the block ends."""
    done = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not done.wait(0.1):
                speak(client, MODEL)
                client.embeddings.create(model=EMBEDDING, input="ship")
        except BaseException as error:  # noqa: BLE001 - shown below, by the test's own thread
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)
        assert not failed, failed


def speak(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "hi"}], stream=True, max_tokens=8
    )
    assert list(stream)


def use(client: openai.OpenAI) -> None:
    """Tune a model, call it by name, delete it; and ask for one that there is not."""
    with pytest.raises(openai.NotFoundError):
        speak(client, "no-such-model")
    lines = io.BytesIO(f"{json.dumps(LINE)}\n".encode() * 10)
    training_file = client.files.create(file=("train.jsonl", lines), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=training_file,
        extra_body={"argosy": {"max_steps": 8, "checkpoint_every_steps": 4}},
    )

    def ended() -> str:
        found = client.fine_tuning.jobs.retrieve(job.id)
        assert found.status == "succeeded", found.status
        return found.fine_tuned_model or ""

    tuned = wait_until(ended, 60, "the end of the job", pause=0.2)
    speak(client, tuned)
    client.models.delete(tuned)


def test_every_panel_of_every_dashboard_shows_data(watched: tuple[Cluster, Prometheus]) -> None:
    _, prometheus = watched
    queries = {
        (board.title, panel.title, query.expr)
        for board in boards.ALL
        for panel in board.panels()
        for query in panel.queries
    }
    assert len(queries) > 60

    def shown() -> bool:
        empty = [query for query in sorted(queries) if not prometheus.points(query[2])]
        assert not empty, "\n".join(map(str, empty))
        return True

    wait_until(shown, 60, "data in every panel", pause=1)


def test_every_rule_is_evaluated_and_every_recording_has_data(
    watched: tuple[Cluster, Prometheus],
) -> None:
    _, prometheus = watched

    def evaluated() -> bool:
        rules = prometheus.rules()
        assert {rule["type"] for rule in rules} == {"recording", "alerting"}
        wrong = [(r["name"], r["health"], r.get("lastError")) for r in rules if r["health"] != "ok"]
        assert not wrong, wrong
        records = [r["name"] for r in rules if r["type"] == "recording"]
        empty = [name for name in records if not prometheus.points(name)]
        assert not empty, empty
        return True

    wait_until(evaluated, 60, "every rule's health", pause=1)


def test_top_shows_the_same_fleet_by_its_home_and_by_addresses(
    watched: tuple[Cluster, Prometheus],
) -> None:
    cluster, _ = watched
    top = [sys.executable, "-m", "argosy.cli", "top", "--interval", "1"]
    shown = json.loads(_run(*top, "--json", "--home", str(cluster.home.root)))
    assert {process["name"] for process in shown["processes"]} == {
        "registry", "trainer", "embedder", "engine", "gateway",
    }  # fmt: skip
    assert all(process["up"] for process in shown["processes"])
    assert shown["traffic"]["requests"] > 0
    assert shown["traffic"]["first_token"]["p50"] > 0
    assert shown["cost"]["today"] > 0
    assert [pool["name"] for pool in shown["pools"]] == ["main"]
    assert shown["jobs"]["succeeded"] == 1
    drawn = _run(*top, "--once", "--url", cluster.metrics_url("gateway"))
    assert "1 of 1 up" in drawn
    assert "first token" in drawn


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fleet_that_is_well_raises_no_alarm(watched: tuple[Cluster, Prometheus]) -> None:
    _, prometheus = watched
    assert not prometheus.ask("query", query='ALERTS{alertstate="firing"}')["result"]
