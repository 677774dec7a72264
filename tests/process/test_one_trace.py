"""One request is one trace: from HTTP through gRPC and NATS, across three processes."""

from __future__ import annotations

import io
import secrets

import pytest

from tests.harness.cluster import Cluster
from tests.harness.otlp import ReceivedSpan, receiving
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

CANARY = b"canary-in-the-file"


def test_a_deleted_file_is_one_trace_over_http_grpc_and_nats(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> None:
    with receiving() as receiver:
        cluster = Cluster(
            tmp_path_factory.mktemp("trace"),
            prepared_homes=prepared_homes,
            processes=("postgres", "nats", "registry", "trainer", "gateway"),
            environment={"*": {"ARGOSY_OTLP_ENDPOINT": receiver.url}},
        )
        try:
            client = cluster.start().client()
            file = client.files.create(file=("a.txt", io.BytesIO(CANARY)), purpose="user_data")
            trace_id = secrets.token_hex(16)
            parent = secrets.token_hex(8)
            client.files.delete(
                file.id, extra_headers={"traceparent": f"00-{trace_id}-{parent}-01"}
            )

            def complete() -> list[ReceivedSpan]:
                spans = receiver.trace(trace_id)
                services = {s.service for s in spans}
                assert services >= {"argosy-gateway", "argosy-registry", "argosy-trainer"}, spans
                return spans

            spans = wait_until(complete, 20, "the trace")
        finally:
            cluster.stop()
    by_id = {s.span_id: s for s in spans}
    consumed = next(s for s in spans if s.service == "argosy-trainer")
    assert consumed.name == "consume file.deleted"
    called = by_id[consumed.parent_id]
    assert called.service == "argosy-registry"
    assert called.name.endswith("FileService/DeleteFile")
    served = by_id[called.parent_id]
    assert served.service == "argosy-gateway"
    assert served.parent_id == parent
    assert not any(CANARY in body for body in receiver.raw)
