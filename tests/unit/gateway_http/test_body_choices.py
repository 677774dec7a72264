"""http.body: a word that is not in the list is refused with the list."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from argosy.gateway.http.body import convert, decode
from argosy.kit.errors import InvalidRequest
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import encode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Flag(Struct):
    colour: Colour | None = None
    size: Annotated[Literal["small", "large"], Meta(description="of the cloth")] = "small"


class Ship(Struct):
    kind: Literal["sloop", "brig"] | UnsetType = UNSET
    flags: list[Flag] | None = None
    signals: dict[str, Colour] = {}
    first: Flag | None = None


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"kind": "brg"}, "kind", "'brg' is not one of brig, sloop."),
        ({"flags": [{"colour": "rde"}]}, "flags[0].colour", "'rde' is not one of blue, red."),
        ({"first": {"size": "huge"}}, "first.size", "'huge' is not one of large, small."),
        ({"signals": {"a": "x"}}, "signals", "'x' is not one of blue, red."),
    ],
)
def test_the_words_are_listed(body: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(encode(body), Ship)
    assert (refused.value.param, refused.value.code) == (param, "invalid_value")
    assert refused.value.message == f"Invalid value for '{param}': {words}"


def test_also_of_what_is_read_later() -> None:
    with pytest.raises(InvalidRequest, match="one of brig, sloop") as refused:
        convert({"kind": "x\r\ny"}, Ship, "argosy")
    assert refused.value.param == "argosy.kind"
    assert "\n" not in refused.value.message
