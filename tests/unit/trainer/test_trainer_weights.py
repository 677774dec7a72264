"""What is read from a base model's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.trainer.weights import hidden_size


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{"hidden_size": 576}', 576),
        ('{"text_config": {"hidden_size": 2560}, "hidden_size": 1}', 2560),
        ("{}", None),
        ("[]", None),
        ("{", None),
        ('{"hidden_size": "576"}', None),
    ],
)
def test_the_width(tmp_path: Path, config: str, expected: int | None) -> None:
    (tmp_path / "config.json").write_text(config)
    assert hidden_size(tmp_path) == expected


def test_no_folder(tmp_path: Path) -> None:
    assert hidden_size(tmp_path / "absent") is None
