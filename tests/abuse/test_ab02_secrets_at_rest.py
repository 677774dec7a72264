"""AB02: who reads the database, a backup of it or a log finds no key, no token and no pepper."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from argosy.cli.fleet import credentials, postgres

from tests.harness.cluster import Cluster
from tests.harness.invariants import no_canary
from tests.harness.prepared_home import PreparedHomes
from tests.harness.serving_fleet import PROCESSES

ADMIN = "/v1/organization"


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    made = Cluster(
        tmp_path_factory.mktemp("ab02"), prepared_homes=prepared_homes, processes=PROCESSES
    )
    try:
        yield made.start()
    finally:
        made.stop()


def dump(cluster: Cluster) -> str:
    secret = credentials.ensure(cluster.home).postgres_password
    host = f"127.0.0.1:{cluster.port('postgres')}"
    url = f"postgresql://{postgres.USER}:{secret}@{host}/{postgres.DATABASE}"
    command = [postgres.program("pg_dump")[-1], url]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode()


def test_ab02_the_database_holds_digests_and_public_ends_only(cluster: Cluster) -> None:
    headers = {"authorization": f"Bearer {cluster.key}"}
    with httpx.Client(base_url=cluster.url(), headers=headers, timeout=30) as client:
        project = f"{ADMIN}/projects/proj_default"
        account = client.post(f"{project}/service_accounts", json={"name": "a"}).json()
        personal = client.post(f"{project}/api_keys", json={"name": "b"}).json()
        admin = client.post(f"{ADMIN}/admin_api_keys", json={"name": "c"}).json()
        invite = client.post(
            f"{ADMIN}/invites", json={"email": "a@b.example", "role": "reader"}
        ).json()
        query = {
            "grant_type": "client_credentials",
            "client_id": account["api_key"]["id"],
            "client_secret": account["api_key"]["value"],
        }
        token = client.post("/oauth/2.0/token", params=query).json()["access_token"]
        client.post("/v1/organization/projects", json={"name": "x" * 200})
        secrets = [account["api_key"]["value"], personal["value"], admin["value"]]
        for path in (project + "/api_keys", f"{ADMIN}/admin_api_keys", f"{ADMIN}/audit_logs"):
            shown = client.get(path).text
            assert not any(secret in shown for secret in secrets)

    pepper = credentials.ensure(cluster.home).key_pepper
    held = dump(cluster)
    for secret in (*secrets, token, token.rpartition(".")[2], invite["argosy"]["token"], pepper):
        # Not the whole, and not enough of it to guess the rest.
        assert secret[15:40] not in held
        no_canary(cluster, secret[15:40])
    for secret in secrets:
        digest = hmac.new(pepper.encode(), secret.encode(), hashlib.sha256).hexdigest()
        assert digest in held
        assert hashlib.sha256(secret.encode()).hexdigest() not in held
