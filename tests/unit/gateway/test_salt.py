"""Salts of the prefix cache: fixed form, one a project, nothing to guess them by."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from argosy.gateway.lane.dispatch.salt import CacheSalts, derived_secret, salted

from tests.harness.lane_plane import BASE, HELLO

PROJECTS = ["proj_a", "proj_b", "", "é" * 4000, 'proj"},\n']


def test_each_project_has_one_salt_of_a_fixed_form() -> None:
    salts = CacheSalts(b"secret")
    made = [salts.of(project) for project in PROJECTS]
    assert made == [CacheSalts(b"secret").of(project) for project in PROJECTS]
    assert len(set(made)) == len(PROJECTS)
    assert all(re.fullmatch("[0-9a-f]{64}", salt) for salt in made)


def test_the_salt_depends_on_the_secret() -> None:
    assert CacheSalts(b"one").of("proj_a") != CacheSalts(b"two").of("proj_a")
    assert derived_secret(b"pepper") not in {b"pepper", derived_secret(b"other")}
    with pytest.raises(ValueError, match="empty"):
        CacheSalts(b"")


def test_the_salt_is_a_member_of_the_body() -> None:
    salts = CacheSalts(b"secret")
    for _ in range(2):
        body = salted(b'{"model":"m","prompt":"}"}', salts.ending("proj_a"))
        expected = {"model": "m", "prompt": "}", "cache_salt": salts.of("proj_a")}
        assert json.loads(body) == expected


@pytest.mark.parametrize(("engine", "salted_there"), [("vllm", True), ("openai", False)])
async def test_only_an_engine_that_knows_salts_gets_one(
    make_plane: Any, engine: str, salted_there: bool
) -> None:
    plane, (there,) = await make_plane(engine=engine)
    async with plane.http() as client:
        body = {"model": BASE, "messages": HELLO, "max_tokens": 1}
        answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    seen = (await there.stats())["bodies"][-1]
    assert ("cache_salt" in seen) is salted_there
