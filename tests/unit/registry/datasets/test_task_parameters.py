"""datasets.parameters: a wrong parameter of a task is named, with what was probably meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets.parameters import check


@pytest.mark.parametrize(
    ("task", "sent", "param", "words"),
    [
        ("insigth", {}, "type", "type must be one of: augment, clean"),
        ("reflow", {"bad_case": True}, "bad_case", "Did you mean 'bad_cases'?"),
        ("reflow", {"colour": 1}, "colour", "Check the spelling or leave it out."),
        ("reflow", {"rating": "bad"}, "rating", "Invalid value for 'rating'"),
        ("split", {"split_ratio": 20}, "version_id", "The parameter 'version_id' is missing."),
        # The misspelt name says more than that the right one is missing.
        ("split", {"versionid": "dsv_1"}, "versionid", "Did you mean 'version_id'?"),
        ("import", {"source": {"file": "file-1"}}, "source.file", "Did you mean 'file_id'?"),
    ],
)
def test_a_typo_is_named(task: str, sent: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(task, json.dumps(sent))
    assert refused.value.param == param
    assert words in refused.value.message
    assert "Extra inputs" not in refused.value.message
