"""Lists in OpenAI's terms: `after`, `limit`, `order`, names, `metadata` in; `data`, `first_id` out.

Knows queries and the shape of a page. Does not know what is listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.kit.errors import InvalidRequest
from litestar import Request

Json = dict[str, Any]

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
# Names of models are long, and a line item is one with what of it is paid for.
_LONGEST: Final = 512
_METADATA: Final = re.compile(r"metadata\[([^\x00]{1,64})\]")


class Page(TypedDict):
    """OpenAI's list object."""

    object: str
    data: list[Json]
    first_id: str | None
    last_id: str | None
    has_more: bool


def page_request(query: Mapping[str, str], *, maximum: int, ordered: bool = False) -> PageRequest:
    """Return the page that the query asks for; raises InvalidRequest naming the parameter.

    `order` is read only where the resource has it (`ordered`).
    """
    page = PageRequest(after=cursor(query), limit=_limit(query, maximum))
    if ordered and (order := query.get("order")) is not None:
        if order not in {"asc", "desc"}:
            raise InvalidRequest(
                "Invalid value for 'order': send 'asc' or 'desc'.",
                param="order",
                code="invalid_value",
            )
        page.ascending = order == "asc"
    return page


def cursor(query: Mapping[str, str], name: str = "after") -> str:
    """Return the id that a page is next to, empty if none; raises InvalidRequest for no id."""
    wanted = query.get(name, "")
    if wanted and not _ID.fullmatch(wanted):
        raise InvalidRequest(
            f"Invalid value for '{name}': send the id of an entry, such as the last one of the "
            "page before.",
            param=name,
            code="invalid_value",
        )
    return wanted


def page_of(data: list[Json], *, has_more: bool) -> Page:
    """Return OpenAI's list object around `data`."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def query_of(request: Request[Any, Any, Any], *known: str) -> dict[str, str]:
    """Return the query's parameters; raises InvalidRequest for one that is sent twice.

    Parameters that are not `known` are left out, as OpenAI ignores them.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            continue
        if name in values:
            raise InvalidRequest(f"The parameter '{name}' is sent twice. Send it once.", param=name)
        values[name] = value
    return values


def names_of(request: Request[Any, Any, Any], name: str, *, most: int) -> list[str]:
    """Return the values of `name=a&name=b` or, as the SDK sends them, of `name[]=a`.

    Raises InvalidRequest for more than `most`, and for what can be no name.
    """
    found = [v for key, v in request.query_params.multi_items() if key.removesuffix("[]") == name]
    if len(found) <= most and all(v.isprintable() and 1 <= len(v) <= _LONGEST for v in found):
        return found
    raise InvalidRequest(
        f"Invalid value for '{name}': send at most {most} values, of 1 to {_LONGEST} printable "
        "characters each.",
        param=name,
        code="invalid_value",
    )


def metadata_filter(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return the pairs of `metadata[k]=v`; raises InvalidRequest for another form."""
    wanted: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if not name.startswith("metadata"):
            continue
        match = _METADATA.fullmatch(name)
        if match is None or len(value) > 512 or "\x00" in value:
            raise InvalidRequest(
                "Invalid metadata filter: send metadata[key]=value, with at most 64 characters of "
                "key and 512 of value.",
                param="metadata",
            )
        wanted[match[1]] = value
    if len(wanted) > 16:
        raise InvalidRequest("Filter by at most 16 pairs of metadata.", param="metadata")
    return wanted


def flag_of(name: str, text: str) -> bool:
    """Return what `name=true` or `name=false` says; raises InvalidRequest."""
    if text not in {"true", "false"}:
        raise InvalidRequest(
            f"Invalid value for '{name}': send true or false.", param=name, code="invalid_value"
        )
    return text == "true"


def _limit(query: Mapping[str, str], maximum: int) -> int:
    text = query.get("limit")
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= maximum:
        raise InvalidRequest(
            f"Invalid value for 'limit': send an integer from 1 to {maximum}.",
            param="limit",
            code="invalid_value",
        )
    return int(text[:9])
