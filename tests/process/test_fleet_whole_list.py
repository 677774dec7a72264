"""All processes of the Procfile, with the fake engine, under the fleet's own wiring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import openai
from argosy.cli.fleet.credentials import ensure
from argosy.cli.fleet.nats_config import USERS

from tests.harness import invariants
from tests.harness.cluster import EVERYTHING, MODEL, Cluster
from tests.harness.waiting import wait_until


def test_every_process_is_ready_and_the_stock_sdk_is_answered(cluster: Cluster) -> None:
    assert [m.name for m in cluster.state.members if m.ready] == list(EVERYTHING)
    answer = cluster.client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=4
    )
    assert answer.choices[0].message.content


def test_no_service_lacks_a_subject_that_it_uses(cluster: Cluster) -> None:
    """Least subjects are enough subjects: nothing that ran so far was refused by NATS."""
    client = cluster.client()
    line = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n'
    file = client.files.create(file=("x.jsonl", line * 10), purpose="fine-tune")
    client.files.delete(file.id)
    invariants.outboxes_drain(cluster)
    consumers = wait_until(lambda: cluster.sql("SELECT DISTINCT consumer FROM trainer.inbox"))
    assert consumers == [["trainer"]]
    assert "ermissions" not in cluster.log("nats") + cluster.log("registry")
    assert "iolation" not in cluster.log("nats")


def test_a_service_may_not_send_what_others_tell(cluster: Cluster) -> None:
    """The gateway's account cannot forge the registry's events."""
    secrets = ensure(cluster.home)
    script = (
        "import asyncio, nats, sys\n"
        "async def main():\n"
        "    refused = asyncio.Event()\n"
        "    async def on_error(error):\n"
        "        refused.set()\n"
        "    bus = await nats.connect(sys.argv[1], user='gateway', password=sys.argv[2],\n"
        "        error_cb=on_error)\n"
        "    await bus.publish(sys.argv[3], b'x')\n"
        "    await bus.flush()\n"
        "    try:\n"
        "        await asyncio.wait_for(refused.wait(), 2)\n"
        "        print('refused')\n"
        "    except TimeoutError:\n"
        "        print('taken')\n"
        "    await bus.close()\n"
        "asyncio.run(main())\n"
    )
    assert {user.name for user in USERS} == {"registry", "trainer", "embedder", "gateway"}
    for subject, expected in (
        ("argosy.v1.model.published", "refused"),
        ("argosy.v1.usage.recorded", "taken"),
        ("$JS.API.STREAM.DELETE.ARGOSY", "refused"),
    ):
        url = f"nats://127.0.0.1:{cluster.port('nats')}"
        words = [sys.executable, "-c", script, url, secrets.nats_gateway, subject]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
        assert done.stdout.strip() == expected, subject


def test_any_process_may_be_killed_and_the_fleet_recovers(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster().start()
    for name in EVERYTHING:
        cluster.wait_restarted(name, cluster.kill(name))
    for name in EVERYTHING:
        cluster.wait_ready(name)
    answer = wait_until(lambda: _hello(cluster), 20)
    assert answer
    invariants.no_orphans(cluster)


def _hello(cluster: Cluster) -> str | None:
    try:
        answer = cluster.client().chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=4
        )
    except openai.APIStatusError:
        return None
    return answer.choices[0].message.content
