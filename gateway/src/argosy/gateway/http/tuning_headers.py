"""What a call on a tuning job says beside its body: which job, which request, a repeat or not."""

from __future__ import annotations

import re
from typing import Any, Final

from argosy.gateway.errors import echo
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Request

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def checked_job_id(job_id: str) -> str:
    """Return the id if one can look like it; raises NotFound."""
    if not _JOB_ID.fullmatch(job_id):
        raise NotFound(
            f"Could not find fine tune: {echo(job_id)}. "
            "List the jobs with GET /v1/fine_tuning/jobs.",
            param="fine_tune_id",
            code="fine_tune_not_found",
        )
    return job_id


def idempotency_key(request: Request[Any, Any, Any]) -> str:
    """Return the header of that name, empty if there is none; raises InvalidRequest."""
    key = request.headers.get("idempotency-key", "")
    if key and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest(
            "Invalid header 'Idempotency-Key': send 1 to 255 printable ASCII characters without "
            "spaces.",
            param="Idempotency-Key",
        )
    return key


def is_retry(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the SDK says that it sends this request again."""
    count = request.headers.get("x-stainless-retry-count", "")
    return count.isascii() and count.isdigit() and count.strip("0") != ""
