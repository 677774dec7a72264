"""Paths of data sets: what cannot be an id is unknown, whatever is asked of it."""

from __future__ import annotations

from typing import Any

import pytest

VERSION = "/v1/datasets/dset_1/versions/dsv_1"


@pytest.mark.parametrize(
    ("method", "path", "param"),
    [
        ("GET", "/v1/datasets/x", "dataset_id"),
        ("GET", "/v1/datasets/x/versions/dsv_1", "dataset_id"),
        ("GET", "/v1/datasets/dset_1/versions/x", "version_id"),
        ("DELETE", "/v1/datasets/dset_1/versions/x", "version_id"),
        ("POST", "/v1/datasets/x/versions/dsv_1/publish", "dataset_id"),
        ("GET", "/v1/datasets/dset_1/versions/x/content", "version_id"),
        ("GET", "/v1/datasets/x/versions/dsv_1/records", "dataset_id"),
        ("GET", "/v1/datasets/dset_1/versions/x/records/next", "version_id"),
        ("POST", "/v1/datasets/dset_1/versions/x/records/accept_drafts", "version_id"),
        ("GET", f"{VERSION}/records/x", "record_id"),
        ("DELETE", f"{VERSION}/records/x", "record_id"),
    ],
)
async def test_what_cannot_be_an_id_is_unknown(
    fleet: Any, method: str, path: str, param: str
) -> None:
    async with fleet.http() as client:
        answer = await client.request(method, path)
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["param"] == param
