"""Losses held against trl's own, and advantages against their definition."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.worker.conftest import DEADLINE_SECONDS

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def result(ml_python: str, tiny_model: Path) -> dict[str, Any]:
    done = subprocess.run(
        [ml_python, str(Path(__file__).with_name("oracles.py")), str(tiny_model)],
        capture_output=True,
        check=True,
        timeout=5 * DEADLINE_SECONDS,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["dpo", "dpo_nll", "kto", "reward", "orpo"])
def test_a_loss_is_what_trl_makes_it(result: dict[str, Any], name: str) -> None:
    ours, theirs = result["compared"][name]
    assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("name", ["supervised, however cut", "orpo, however cut"])
def test_d18_a_step_is_the_same_in_however_many_parts(result: dict[str, Any], name: str) -> None:
    whole, cut = result["compared"][name]
    assert whole == pytest.approx(cut, rel=1e-5)


def test_fa21_the_allocators_own_words_are_out_of_memory(result: dict[str, Any]) -> None:
    assert result["memory"] == "out_of_memory"
