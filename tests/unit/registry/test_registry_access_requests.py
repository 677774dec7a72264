"""Sign-up is closed unless an operator opens it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from argosy.kit.errors import PermissionDenied
from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.usecases.access_requests import AccessRequests


async def test_nobody_asks_for_access_where_sign_up_is_closed() -> None:
    nothing = cast("Any", None)  # it must not get as far as the database
    requests = AccessRequests(nothing, b"", is_open=False)
    with pytest.raises(PermissionDenied, match="invitation") as refused:
        await requests.create(Actor(""), "anne@ship.example", "Anne", "Bonny & Co.", "Answers.")
    assert refused.value.code == "sign_up_closed"
