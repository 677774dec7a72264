"""The code blocks of `docs/tuning.md` run, one after the other, against a fleet."""

from __future__ import annotations

import re
from typing import Any

from tests.docs.sources import DOCS
from tests.harness.api_fleet import ApiFleet

BASE = "smollm2-135m-instruct"


def test_the_guide_runs(fleet: ApiFleet) -> None:
    text = (DOCS / "tuning.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 5

    def finished(job_id: str) -> dict[str, Any]:
        job = fleet.finish(job_id)
        assert job["status"] == "succeeded", job["error"]
        return job

    names: dict[str, Any] = {
        "URL": fleet.cluster.url() + "/v1",
        "KEY": fleet.key,
        "MODEL": BASE,
        "finished": finished,
    }
    for block in blocks:
        exec(compile(block, "docs/tuning.md", "exec"), names)  # noqa: S102 - our own page
