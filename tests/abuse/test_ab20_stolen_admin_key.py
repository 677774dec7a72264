"""AB20: a stolen admin key and the keys made with it are revoked: dead everywhere within 5 s.

Two gateways: what one of them does, the other must honour, open streams included.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.harness.cluster import Cluster
from tests.harness.invariants import gauge
from tests.harness.prepared_home import PreparedHomes
from tests.harness.serving_fleet import ENGINES, chat, events_of
from tests.harness.waiting import wait_until

GATEWAYS = ("gateway", "gateway-2")
WITHIN = 5.0


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    spool = tmp_path_factory.mktemp("spool")
    made = Cluster(
        tmp_path_factory.mktemp("ab20"),
        prepared_homes=prepared_homes,
        processes=("postgres", "nats", "registry", *ENGINES, *GATEWAYS),
        environment={"gateway-2": {"ARGOSY_SPOOL_DIR": str(spool)}},
    )
    try:
        yield made.start()
    finally:
        made.stop()


def sdk(cluster: Cluster, key: str, gateway: str = "gateway") -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{cluster.url(gateway)}/v1", api_key=key, admin_api_key=key, max_retries=2
    )


def dead(cluster: Cluster, key: str, path: str) -> bool:
    """Tell whether every gateway refuses the key."""
    return all(
        httpx.get(
            f"{cluster.url(name)}{path}", headers={"authorization": f"Bearer {key}"}, timeout=10
        ).status_code
        == 401
        for name in GATEWAYS
    )


def followed(cluster: Cluster, gateway: str) -> bool:
    """Tell whether the gateway has taken over the catalogue since the last break."""
    return gauge(cluster, gateway, "argosy_gateway_degraded") == 0


def test_ab20_a_stolen_admin_key(cluster: Cluster) -> None:
    owner = sdk(cluster, cluster.key).admin.organization
    stolen = owner.admin_api_keys.create(name="stolen")
    thief = sdk(cluster, stolen.value).admin.organization
    account = thief.projects.service_accounts.create("proj_default", name="hidden")
    assert account.api_key is not None
    assert account.api_key.value.startswith("sk-argosy-")
    key = account.api_key.value

    # Streams of the thief's key on both gateways, held open by slow engines.
    for name in ENGINES:
        httpx.post(f"{cluster.url(name)}/_fault", json={"slow_ms": 1000}, timeout=5)
    streams = []
    clients = [httpx.Client(timeout=60) for _ in GATEWAYS]
    for name, client in zip(GATEWAYS, clients, strict=True):
        request = client.build_request(
            "POST",
            f"{cluster.url(name)}/v1/chat/completions",
            headers={"authorization": f"Bearer {key}"},
            json=chat(),
        )
        answer = client.send(request, stream=True)
        assert answer.status_code == 200
        pieces = answer.iter_text()
        next(pieces)
        streams.append((answer, pieces))

    owner.admin_api_keys.delete(stolen.id)
    owner.projects.service_accounts.delete(account.id, project_id="proj_default")
    begun = time.monotonic()
    for _, pieces in streams:
        last = events_of("".join(pieces))[-1]
        assert "invalid_api_key" in last
        assert "[DONE]" not in last
    wait_until(lambda: dead(cluster, key, "/v1/models"), WITHIN, "the end of the hidden key")
    wait_until(
        lambda: dead(cluster, stolen.value, "/v1/organization/projects"),
        WITHIN,
        "the end of the stolen key",
    )
    assert time.monotonic() - begun < WITHIN
    for client in clients:
        client.close()

    entries = list(owner.audit_logs.list(actor_ids=[stolen.id]))
    assert {e.type for e in entries} == {"service_account.created", "api_key.created"}
    ended = owner.audit_logs.list(event_types=["api_key.deleted"])
    assert {stolen.id, account.api_key.id} <= {
        e.api_key_deleted.id for e in ended if e.api_key_deleted
    }


def test_ab20_a_new_key_works_on_the_other_gateway_at_once(cluster: Cluster) -> None:
    accounts = sdk(cluster, cluster.key).admin.organization.projects.service_accounts
    for number in range(5):
        account = accounts.create("proj_default", name=f"new {number}")
        assert account.api_key is not None
        assert sdk(cluster, account.api_key.value, "gateway-2").models.list().data
        accounts.delete(account.id, project_id="proj_default")


def test_ab20_a_restart_of_the_registry_revives_nothing(cluster: Cluster) -> None:
    owner = sdk(cluster, cluster.key).admin.organization
    second = owner.admin_api_keys.create(name="second")
    by_second = sdk(cluster, second.value).admin.organization
    # The first key of all comes from the settings of the process, which still name it.
    by_second.projects.api_keys.delete("key_bootstrap", project_id="proj_default")
    wait_until(lambda: dead(cluster, cluster.key, "/v1/models"), WITHIN, "the first key's end")
    cluster.wait_restarted("registry", cluster.kill("registry"))
    for name in GATEWAYS:
        wait_until(functools.partial(followed, cluster, name), 20, f"{name} to be up to date")
    shown = by_second.projects.api_keys.list("proj_default")
    assert "key_bootstrap" not in {key.id for key in shown}
    assert dead(cluster, cluster.key, "/v1/models")
