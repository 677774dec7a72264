"""One supervisor for each run root, with a name that outlives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.trainer.instance import RunRootTaken, claim


def test_the_name_stays_and_the_folder_is_ones_own(tmp_path: Path) -> None:
    with claim(tmp_path / "runs") as name:
        with pytest.raises(RunRootTaken, match="ARGOSY_RUN_ROOT"), claim(tmp_path / "runs"):
            pass
        with claim(tmp_path / "others") as other:
            assert other != name
    with claim(tmp_path / "runs") as again:
        assert again == name
