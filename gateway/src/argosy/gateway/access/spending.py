"""Which requests of the ordinary API cost money, beside those that limits reserve for.

What is here is refused at once where a project's money of the month is used up; everything else
goes on: a project can look at what it has, cancel, and delete.
"""

from __future__ import annotations

import re
from typing import Final

from argosy.gateway.access.caller import Caller
from argosy.gateway.access.refusals import money_of_the_month

_COSTLY: Final = re.compile(
    r"/v1/(?:"
    r"fine_tuning/jobs(?:/[^/]+/resume)?"
    r"|batches|responses|datasets/tasks|evals/[^/]+/runs"
    r"|vector_stores/[^/]+/(?:files|file_batches|search)"
    r")"
)


def require_money(caller: Caller, method: str, path: str) -> None:
    """Raise QuotaExceeded for a request that costs where nothing is left of the month's money."""
    if caller.spend_exhausted and method == "POST" and _COSTLY.fullmatch(path):
        raise money_of_the_month()
