"""What the admin API's requests have in common: ids in paths, pages, names in bodies."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.gateway.errors import echo
from argosy.gateway.http.paging import page_request, query_of
from argosy.kit.errors import NotFound
from litestar import Request
from msgspec import Meta

MAX_PAGE: Final = 100

# PostgreSQL cannot store NUL in a text, so no text may hold it.
Text = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
Seconds = Annotated[int, Meta(ge=1, le=1 << 31)]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def checked(wanted: str, what: str) -> str:
    """Return an id of a path; raises NotFound for what cannot be the id of any `what`."""
    if not _ID.fullmatch(wanted):
        raise NotFound(f"No such {what}: {echo(wanted)}")
    return wanted


def page(request: Request[Any, Any, Any], *, ordered: bool = False) -> PageRequest:
    """Return the page that the query asks for, oldest first unless `order` says otherwise."""
    query = query_of(request, "after", "limit", "order")
    if ordered:
        query.setdefault("order", "asc")
        return page_request(query, maximum=MAX_PAGE, ordered=True)
    wanted = page_request(query, maximum=MAX_PAGE)
    wanted.ascending = True
    return wanted
