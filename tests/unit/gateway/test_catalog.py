"""The catalogue in memory, and the check of keys against it."""

from __future__ import annotations

import hmac

import pytest
from argosy.api.registry.v1.registry_pb2 import (
    ENTRY_KIND_KEY,
    ENTRY_KIND_POOL,
    Key,
    Model,
    Pool,
    Project,
    Removal,
    WatchResponse,
)
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.catalog import Catalog
from argosy.kit.errors import ApiError, Unauthenticated, Unavailable

PEPPER = b"pepper"


def key(secret: str, key_id: str = "key_a") -> WatchResponse:
    digest = hmac.digest(PEPPER, secret.encode(), "sha256")
    return WatchResponse(key=Key(id=key_id, digest=digest, project_id="proj_a"))


def model(name: str, project: str = "") -> WatchResponse:
    return WatchResponse(model=Model(id=name, project_id=project))


def test_a_complete_state_replaces_what_it_does_not_name() -> None:
    catalog = Catalog()
    gone: list[str] = []
    changes: list[int] = []
    catalog.on_model_removed(gone.append)
    catalog.on_pools_changed(lambda: changes.append(len(catalog.pools())))
    pool = WatchResponse(pool=Pool(name="main", replicas=["http://a:1"]))
    first = [key("one"), model("a"), model("b"), pool, WatchResponse(project=Project(id="p"))]
    catalog.replace(first)
    catalog.replace([key("two"), model("b"), pool])
    assert gone == ["a"]
    assert changes == [1]
    assert catalog.key(hmac.digest(PEPPER, b"one", "sha256")) is None
    assert catalog.key(hmac.digest(PEPPER, b"two", "sha256")) is not None
    assert catalog.project("p") is None
    assert [m.id for m in catalog.visible("anyone")] == ["b"]
    catalog.apply(WatchResponse(removal=Removal(kind=ENTRY_KIND_POOL, id="main")))
    assert changes == [1, 0]


def test_projects_see_the_shared_and_their_own() -> None:
    catalog = Catalog()
    catalog.replace([model("shared"), model("mine", "proj_a")])
    assert catalog.model("proj_a", "mine") is not None
    assert catalog.model("proj_b", "mine") is None
    assert catalog.model("proj_b", "shared") is not None
    assert catalog.has_model("mine")
    assert [m.id for m in catalog.visible("proj_b")] == ["shared"]


def identify(*headers: bytes, known: bool = True) -> str:
    catalog = Catalog()
    catalog.replace([key("sk-good")])
    return Authenticator(catalog, PEPPER, lambda: known).identify(headers).key_id


def test_a_good_key_is_known() -> None:
    assert identify(b"Bearer sk-good") == "key_a"
    assert identify(b"bearer  sk-good ") == "key_a"


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer ' OR 1=1 --", b"Bearer sk-good\x00", b"Bearer \x00sk-good", b"Bearer sk-good\r\nx",
        b"Bearer " + b"a" * (1 << 20), "Bearer \u2603".encode(), b"Bearer \xff\xfe", b"Bearer",
        b"Bearer ", b"Basic sk-good", b"sk-good", b"", b"Bearer sk-good sk-good",
    ],
)  # fmt: skip
def test_ab01_every_other_header_gets_the_same_answer(header: bytes) -> None:
    with pytest.raises(Unauthenticated) as caught:
        identify(header)
    with pytest.raises(Unauthenticated) as reference:
        identify(b"Bearer sk-wrong")
    assert caught.value.message == reference.value.message
    assert caught.value.code == "invalid_api_key"


def test_two_headers_or_none_are_refused() -> None:
    for headers in ([b"Bearer sk-good", b"Bearer sk-good"], []):
        with pytest.raises(Unauthenticated):
            identify(*headers)


def test_an_unknown_key_is_not_judged_while_keys_may_be_missing() -> None:
    assert identify(b"Bearer sk-good", known=False) == "key_a"
    with pytest.raises(Unavailable):
        identify(b"Bearer sk-new", known=False)
    # What can be no key is refused whatever is known.
    with pytest.raises(Unauthenticated):
        identify(b"Bearer \xff", known=False)


def test_a_removed_key_is_gone_and_a_changed_one_has_one_secret() -> None:
    catalog = Catalog()
    catalog.replace([key("one")])
    catalog.apply(key("two"))
    authenticator = Authenticator(catalog, PEPPER, lambda: True)
    assert authenticator.identify([b"Bearer two"])
    with pytest.raises(ApiError):
        authenticator.identify([b"Bearer one"])
    catalog.apply(WatchResponse(removal=Removal(kind=ENTRY_KIND_KEY, id="key_a")))
    with pytest.raises(ApiError):
        authenticator.identify([b"Bearer two"])


def test_an_old_answer_does_not_give_back_what_was_taken() -> None:
    catalog = Catalog()
    shared = Model(id="mine", project_id="proj_a", shared_with=["proj_b"])
    catalog.replace([WatchResponse(model=shared, revision=3)])
    assert catalog.model("proj_b", "mine") is not None
    assert catalog.model("proj_c", "mine") is None
    assert [m.id for m in catalog.visible("proj_b")] == ["mine"]
    catalog.apply(WatchResponse(model=Model(id="mine", project_id="proj_a"), revision=4))
    catalog.learn(shared, 3)
    assert catalog.model("proj_b", "mine") is None
    catalog.learn(shared, 5)
    assert catalog.model("proj_b", "mine") is not None
