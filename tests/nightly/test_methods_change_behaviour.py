"""What each method does to the packaged model, on requests that no run has learnt from.

Minutes of both cores a method: once a night. The untuned model answers the same requests beside it.
"""

from __future__ import annotations

import pytest

from benchmarks.training.behaviour import METHODS, Laboratory

pytestmark = [pytest.mark.ml, pytest.mark.timeout(5400)]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("laboratory"))


def test_sft_teaches_a_closing_word(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    change = METHODS["sft"](laboratory)
    with capsys.disabled():
        print(f"\n{change.row()}")
    assert change.before == 0
    assert change.after > 0.9


@pytest.mark.parametrize("method", ["dpo", "kto", "rlhf"])
def test_what_prefers_or_rewards_brevity_makes_answers_shorter_and_leaves_them_answers(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    change = METHODS[method](laboratory)
    with capsys.disabled():
        print(f"\n{change.row()}")
    assert change.after < 0.8 * change.before, change.row()
    # Its own bound, and hardly an answer that is empty or turns in circles.
    assert change.holds, change.row()
