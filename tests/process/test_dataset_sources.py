"""Sources outside: an S3-style store, and URLs of listed hosts; each with its checksum told."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import boto3
import pytest
from argosy.api.common.v1.common_pb2 import ERROR_KIND_NOT_FOUND
from argosy.kit.errors import InvalidRequest, PermissionDenied
from argosy.kit.processes import free_port
from moto.server import ThreadedMotoServer

from tests.harness.dataset_client import DatasetClient
from tests.harness.registry_client import PROJECT
from tests.harness.registry_fleet import Registry, fleet

DATA = b'[{"prompt": "Q", "response": [["A"]]}]\n'


class _Pages(http.server.BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("location", "/a.jsonl")
            self.end_headers()
            return
        body = DATA if self.path.startswith("/a.jsonl") else DATA * 100_000
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port())
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def registry(pages: str, store: str) -> Iterator[Registry]:
    with fleet() as ships:
        registry = ships.registry(
            "sources",
            env={
                "ARGOSY_IMPORT_URL_HOSTS": f"data.example,{pages}",
                "ARGOSY_IMPORT_S3_PREFIX": "s3://tuning/{project_id}",
                "ARGOSY_IMPORT_S3_ENDPOINT": store,
                "ARGOSY_IMPORT_S3_ACCESS_KEY_ID": "test",
                "ARGOSY_IMPORT_S3_SECRET_ACCESS_KEY": "test",
                "ARGOSY_MAX_SOURCE_BYTES": "1000000",
            },
        )
        registry.start()
        yield registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[DatasetClient]:
    async with DatasetClient(registry) as client:
        yield client


async def test_c13_an_object_of_an_s3_store_with_its_checksum(
    client: DatasetClient, store: str
) -> None:
    bucket = boto3.client(
        "s3", endpoint_url=store, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip
    bucket.create_bucket(Bucket="tuning")
    bucket.put_object(Bucket="tuning", Key=f"{PROJECT}/set/a.jsonl", Body=DATA)
    dataset = await client.create()
    uri = f"s3://tuning/{PROJECT}/set/a.jsonl"
    ended = await client.ended(await client.start(dataset.id, "import", source={"uri": uri}))
    assert ended.status == "succeeded", ended.error
    step = (await client.dataset(dataset.id)).latest_version.lineage[-1]
    told = json.loads(step.details)
    assert (told["source"], told["sha256"]) == (uri, hashlib.sha256(DATA).hexdigest())
    absent = await client.start(dataset.id, "import", source={"uri": uri + "x"})
    assert (await client.ended(absent)).error.kind == ERROR_KIND_NOT_FOUND
    with pytest.raises(PermissionDenied):
        await client.start(dataset.id, "import", source={"uri": uri.replace(PROJECT, "proj_other")})


async def test_c13_a_url_of_a_listed_host(client: DatasetClient, pages: str) -> None:
    dataset = await client.create()
    url = f"http://{pages}/a.jsonl?token=secret"
    ended = await client.ended(await client.start(dataset.id, "import", source={"url": url}))
    assert ended.status == "succeeded", ended.error
    step = (await client.dataset(dataset.id)).latest_version.lineage[-1]
    assert json.loads(step.details)["source"] == f"http://{pages}/a.jsonl?…"


async def test_ab04_no_redirect_no_flood_no_other_host(client: DatasetClient, pages: str) -> None:
    dataset = await client.create()
    for path, code in (("moved.jsonl", "source_unavailable"), ("flood.jsonl", "source_too_large")):
        task = await client.start(dataset.id, "import", source={"url": f"http://{pages}/{path}"})
        assert (await client.ended(task)).error.code == code
    _Pages.seen.clear()
    port = pages.rpartition(":")[2]
    for url in (
        f"http://localhost:{port}/a.jsonl",
        f"http://[::1]:{port}/a.jsonl",
        f"http://data.example\\@{pages}/a.jsonl",
        f"http://data.example@{pages}/a.jsonl",
        f"http://0x7f.1:{port}/a.jsonl",
        f"http://127.0.0.1:{int(port) - 1}/a.jsonl",
    ):
        with pytest.raises((InvalidRequest, PermissionDenied)):
            await client.start(dataset.id, "import", source={"url": url})
    assert _Pages.seen == []
