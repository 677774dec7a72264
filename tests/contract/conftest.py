"""One fleet for all contract tests, and a strict look at what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from tests.harness.api_fleet import ApiFleet, api_fleet
from tests.harness.prepared_home import PreparedHomes

T = TypeVar("T", bound=BaseModel)


@pytest.fixture(scope="session")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ApiFleet]:
    """A fleet with the fake engine and the fake worker; tests leave it as they found it."""
    with api_fleet(tmp_path_factory.mktemp("contract"), prepared_homes) as running:
        yield running


@pytest.fixture(scope="session")
def strictly() -> Callable[[type[T], Any], T]:
    """Read JSON as one of the SDK's types, without any conversion.

    The SDK itself believes what it gets; here a string for a number, a word outside the literals
    or a missing field fails.
    """

    def check(kind: type[T], raw: Any) -> T:
        return kind.model_validate(raw, strict=True)

    return check
