"""Objects of an S3-style store, under the prefix that the operator gives to a project.

The store's keys are the operator's: without the prefix, one project could read another's objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import obstore
from argosy.kit.errors import InvalidRequest, NotFound, PermissionDenied, Unavailable
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

_PIECE: Final = 1 << 20
_SCHEME: Final = "s3://"


@dataclass(frozen=True, slots=True)
class S3Access:
    """Where the store is and who we are there; `prefix` may hold `{project_id}`."""

    prefix: str
    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str


def checked(uri: str, project_id: str, prefix: str) -> tuple[str, str]:
    """Return the bucket and key of a URI that the project may read.

    Raises PermissionDenied, InvalidRequest.
    """
    if not prefix:
        raise PermissionDenied(
            "Imports from an object store are off. Upload the file, or ask the operator to set "
            "ARGOSY_IMPORT_S3_PREFIX.",
            param="source.uri",
            code="source_not_allowed",
        )
    allowed = prefix.replace("{project_id}", project_id)
    allowed = allowed if allowed.endswith("/") else f"{allowed}/"
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    parts = key.split("/")
    if not bucket or not key or any(p in {"", ".", ".."} for p in parts) or "\\" in uri:
        raise InvalidRequest(
            "source.uri must be s3://BUCKET/KEY with a plain key.",
            param="source.uri",
            code="invalid_value",
        )
    if not uri.startswith(allowed):
        raise PermissionDenied(
            f"source.uri must begin with {allowed}, where this project's data lies.",
            param="source.uri",
            code="source_not_allowed",
        )
    return bucket, key


async def pieces(access: S3Access, bucket: str, key: str) -> AsyncIterator[bytes]:
    """Yield an object's bytes; raises NotFound, Unavailable."""
    options: Any = {"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=10)}
    config: dict[str, Any] = {"region": access.region}
    if access.endpoint:
        config["endpoint"] = access.endpoint
        options["allow_http"] = access.endpoint.startswith("http://")
    if access.access_key_id:
        config["access_key_id"] = access.access_key_id
        config["secret_access_key"] = access.secret_access_key
    store = S3Store(bucket, client_options=options, **config)
    try:
        found = await obstore.get_async(store, key)
        async for piece in found.stream(min_chunk_size=_PIECE):
            yield bytes(piece)
    except (NotFoundError, FileNotFoundError):
        raise NotFound("source.uri names no object in the store.", param="source.uri") from None
    except BaseError as error:
        raise Unavailable(
            f"The object store does not answer as it should ({type(error).__name__}). Try again.",
            code="source_unavailable",
        ) from None
