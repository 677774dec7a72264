"""The bus of the cluster: durable, and each service may do what the fleet lets it do."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nats
import nats.errors
import pytest
from argosy.cli.fleet import nats_config
from argosy.kit.processes import free_port

from tests.unit.deploy import manifests as k8s

CONFIG = k8s.config("nats-config", "nats.conf")


def test_rights_are_those_of_the_fleet_on_one_machine() -> None:
    blocks = CONFIG.split("user: ")[1:]
    assert [b.split()[0] for b in blocks] == [u.name for u in nats_config.USERS]
    for user, block in zip(nats_config.USERS, blocks, strict=True):
        allowed = block.split("publish: [")[1].split("]")[0]
        assert [json.loads(w) for w in allowed.split()] == nats_config.publish_subjects(user)
        assert 'subscribe: ["_INBOX.>"]' in block


def test_the_process_is_told_every_password_that_its_configuration_names() -> None:
    given = k8s.environment(k8s.main_container("nats"))
    named = {word.removeprefix("$") for word in CONFIG.split() if word.startswith("$NATS_")}
    assert named == set(given)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A real nats-server on the manifest's configuration; only places and ports are changed."""
    folder = tmp_path_factory.mktemp("nats")
    port, monitor = free_port(), free_port()
    text = (
        CONFIG.replace("0.0.0.0:4222", f"127.0.0.1:{port}")
        .replace("0.0.0.0:8222", f"127.0.0.1:{monitor}")
        .replace("/var/lib/argosy/nats", str(folder / "store"))
    )
    (folder / "nats.conf").write_text(text)
    passwords = {name: f"s{name}" for name in k8s.environment(k8s.main_container("nats"))}
    program = Path(sys.executable).with_name("nats-server")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--config", folder / "nats.conf"], env=os.environ | passwords, stderr=log
        )
    try:
        end = time.monotonic() + 20
        while not healthy(monitor):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)  # another process's start
        yield port, monitor
    finally:
        process.kill()
        process.wait(10)


def healthy(monitor: int) -> bool:
    probe = k8s.main_container("nats")["livenessProbe"]["httpGet"]["path"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor}{probe}", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_what_is_acknowledged_is_on_disk(server: tuple[int, int]) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server[1]}/varz", timeout=2) as answer:
        assert json.load(answer)["jetstream"]["config"]["sync_always"] is True


@pytest.mark.parametrize("user", [u.name for u in nats_config.USERS])
async def test_each_service_gets_in_with_its_own_password(
    server: tuple[int, int], user: str
) -> None:
    refused: asyncio.Queue[Exception] = asyncio.Queue()
    note = refused.put

    options = {"servers": f"nats://127.0.0.1:{server[0]}", "reconnect_time_wait": 0.1}
    client = await nats.connect(
        user=user, password=f"sNATS_PASSWORD_{user.upper()}", error_cb=note, **options
    )
    await client.publish("argosy.v1.not.yours", b"")
    await client.flush()
    answer = await asyncio.wait_for(refused.get(), 5)
    assert "permissions violation" in str(answer).lower()
    await client.close()
    with pytest.raises(nats.errors.Error):
        await nats.connect(
            user=user, password="wrong", allow_reconnect=False, error_cb=note, **options
        )
