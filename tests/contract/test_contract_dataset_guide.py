"""The code blocks of `docs/datasets.md` run, one after the other, against a fleet."""

from __future__ import annotations

import re
from typing import Any

from tests.docs.sources import DOCS
from tests.harness.api_fleet import ApiFleet

BASE = "smollm2-135m-instruct"


def test_the_guide_runs(fleet: ApiFleet) -> None:
    text = (DOCS / "datasets.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 5
    names: dict[str, Any] = {
        "URL": fleet.cluster.url() + "/v1",
        "KEY": fleet.key,
        "MODEL": BASE,
    }
    try:
        for block in blocks:
            exec(compile(block, "docs/datasets.md", "exec"), names)  # noqa: S102 - our own page
    finally:
        # The guide lets the project store completions; other tests find it as it was.
        with fleet.http() as client:
            client.post(
                "/v1/organization/projects/proj_default",
                json={"argosy": {"stores_completions": False}},
            ).raise_for_status()
