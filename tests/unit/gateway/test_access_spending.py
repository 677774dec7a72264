"""access.spending: what a project without money may still do."""

from __future__ import annotations

import pytest
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.spending import require_money
from argosy.kit.errors import QuotaExceeded

POOR = Caller("key", "proj_a", "org", spend_exhausted=True)


@pytest.mark.parametrize(
    ("method", "path", "costs"),
    [
        ("POST", "/v1/fine_tuning/jobs", True),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/resume", True),
        ("POST", "/v1/batches", True),
        ("POST", "/v1/evals/eval_1/runs", True),
        ("POST", "/v1/vector_stores/vs_1/search", True),
        ("POST", "/v1/datasets/tasks", True),
        ("GET", "/v1/fine_tuning/jobs", False),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/cancel", False),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/pause", False),
        ("POST", "/v1/batches/batch_1/cancel", False),
        ("POST", "/v1/files", False),
        ("DELETE", "/v1/models/ft:a", False),
    ],
)
def test_what_costs_is_refused_and_the_rest_goes_on(method: str, path: str, costs: bool) -> None:
    require_money(Caller("key", "proj_a", "org"), method, path)
    if not costs:
        require_money(POOR, method, path)
        return
    with pytest.raises(QuotaExceeded) as refused:
        require_money(POOR, method, path)
    assert (refused.value.openai_type, refused.value.code) == ("insufficient_quota",) * 2
