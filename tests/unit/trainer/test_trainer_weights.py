"""What is read from a base model's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.trainer.weights import architecture


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{"hidden_size": 576}', 576),
        ('{"n_embed": 64, "n_layer": 2}', 64),
        ('{"text_config": {"hidden_size": 2560}, "hidden_size": 1}', 2560),
        ("{}", None),
        ("[]", None),
        ("{", None),
        ('{"hidden_size": "576"}', None),
    ],
)
def test_the_width(tmp_path: Path, config: str, expected: int | None) -> None:
    (tmp_path / "config.json").write_text(config)
    found = architecture(tmp_path)
    assert (found and found.hidden_size) == expected


def test_the_shape_of_the_packaged_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"hidden_size": 576, "num_hidden_layers": 30, "vocab_size": 49152}'
    )
    found = architecture(tmp_path)
    assert found is not None
    assert 0.9 < found.weights / 135e6 < 1.2


def test_no_folder(tmp_path: Path) -> None:
    assert architecture(tmp_path / "absent") is None
