"""upstream.key_lookup with access.keys: a key that memory lacks is asked for once."""

from __future__ import annotations

import asyncio
import hmac

import pytest
from argosy.api import ids
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1.accounts_pb2 import FindKeyResponse
from argosy.gateway.access.keys import Authenticator, UnknownKey
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.upstream.key_lookup import KeyLookup
from argosy.kit.clock import ManualClock
from argosy.kit.errors import (
    NotFound,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)

PEPPER = b"pepper"
SECRET = ids.new_key_secret()
HEADER = [f"Bearer {SECRET}".encode()]


def digest_of(secret: str) -> bytes:
    return hmac.digest(PEPPER, secret.encode(), "sha256")


class Registry:
    """Answers for its keys, counts questions, and can be slow or away."""

    def __init__(self) -> None:
        self.keys: dict[bytes, pb.Key] = {}
        self.asked = 0
        self.away = False
        self.go = asyncio.Event()
        self.go.set()

    def add(self, secret: str, **fields: str) -> None:
        digest = digest_of(secret)
        self.keys[digest] = pb.Key(
            **{"id": "key_new", "project_id": "proj_a"} | fields, digest=digest
        )  # type: ignore[arg-type]

    async def find_key(self, digest: bytes) -> FindKeyResponse:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        found = self.keys.get(digest)
        await self.go.wait()
        if found is None:
            raise NotFound("none")
        project = pb.Project(id="proj_a", organization_slug="org")
        return FindKeyResponse(key=found, project=project)


class Door:
    """An authenticator with a look-up behind it."""

    def __init__(self, wrong: int = 1000) -> None:
        self.clock = ManualClock()
        self.registry = Registry()
        self.catalog = Catalog()
        self.lookup = KeyLookup(self.registry, self.catalog, self.clock)
        self.who = Authenticator(
            self.catalog, PEPPER, lambda: True, WrongKeys(self.clock.monotonic, wrong), self.lookup
        )


async def test_a_key_that_was_just_made_works() -> None:
    door = Door()
    door.registry.add(SECRET)
    with pytest.raises(UnknownKey):
        door.who.identify(HEADER)
    caller = await door.who.find(HEADER)
    assert (caller.key_id, caller.organization_slug) == ("key_new", "org")
    assert door.who.identify(HEADER) == caller
    assert door.registry.asked == 1


async def test_equal_questions_share_one_answer() -> None:
    door = Door()
    door.registry.add(SECRET)
    door.registry.go.clear()
    asking = [asyncio.create_task(door.who.find(HEADER)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    door.registry.go.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(getattr(r, "key_id", "") == "key_new" for r in results) == 19
    assert door.registry.asked == 1


async def test_a_key_that_does_not_exist_is_not_asked_for_again_within_a_second() -> None:
    door = Door()
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await door.who.find(HEADER)
    assert door.registry.asked == 1
    door.registry.add(SECRET)
    door.clock.advance(1)
    assert (await door.who.find(HEADER)).key_id == "key_new"


async def test_a_mistyped_key_is_never_asked_for() -> None:
    door = Door()
    for secret in (SECRET[:-1], SECRET[:-1] + "!", SECRET.swapcase(), "sk-other", ""):
        with pytest.raises(Unauthenticated) as refused:
            await door.who.find([b"Bearer " + secret.encode()])
        assert not isinstance(refused.value, UnknownKey)
    assert door.registry.asked == 0


async def test_a_flood_of_well_formed_keys_is_bounded() -> None:
    door = Door(wrong=60)
    refusals: list[type[Exception]] = []
    for _ in range(200):
        try:
            await door.who.find([f"Bearer {ids.new_key_secret()}".encode()], "10.0.0.1")
        except (Unauthenticated, RateLimited) as error:
            refusals.append(type(error))
    assert door.registry.asked == 50
    assert refusals.count(RateLimited) == 140


async def test_a_late_answer_does_not_revive_a_revoked_key() -> None:
    door = Door()
    door.registry.add(SECRET)
    await door.who.find(HEADER)
    door.catalog.forget_key("key_new")
    with pytest.raises(Unauthenticated):
        await door.who.find(HEADER)
    assert door.catalog.key_by_id("key_new") is None


async def test_without_the_registry_nobody_knows() -> None:
    door = Door()
    door.registry.away = True
    with pytest.raises(Unavailable) as error:
        await door.who.find(HEADER)
    assert error.value.code == "keys_unavailable"


async def test_a_key_of_the_admin_api_is_taken_there_only() -> None:
    door = Door()
    door.registry.add(SECRET, project_id="")
    with pytest.raises(PermissionDenied):
        await door.who.find(HEADER)
    assert (await door.who.find(HEADER, admin=True)).key_id == "key_new"
    with pytest.raises(PermissionDenied):
        door.who.identify(HEADER)
    with pytest.raises(Unauthenticated):
        await door.who.find([], admin=True)
