"""What a request may say besides its hyperparameters."""

from __future__ import annotations

import pytest
from argosy.trainer.domain import rules
from argosy.trainer.domain.plan import BadParameter


@pytest.mark.parametrize("suffix", ["", "a", "my-model_1.0", "x" * 64])
def test_a_suffix_that_fits_a_name(suffix: str) -> None:
    rules.check_suffix(suffix)


@pytest.mark.parametrize("suffix", ["x" * 65, "a:b", "a/b", "../x", " a", "-a", "线", "a\n"])
def test_a_suffix_that_does_not(suffix: str) -> None:
    with pytest.raises(BadParameter, match="'suffix' must have 1 to 64") as refused:
        rules.check_suffix(suffix)
    assert refused.value.param == "suffix"


@pytest.mark.parametrize("seed", [None, 0, 2**31 - 1])
def test_a_good_seed(seed: int | None) -> None:
    rules.check_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_bad_seed(seed: int) -> None:
    with pytest.raises(BadParameter, match="between 0 and 2147483647"):
        rules.check_seed(seed)


@pytest.mark.parametrize(
    "metadata",
    [{str(n): "" for n in range(17)}, {"": "x"}, {"k" * 65: "x"}, {"k": "v" * 513}],
)
def test_bad_metadata(metadata: dict[str, str]) -> None:
    with pytest.raises(BadParameter, match="metadata"):
        rules.check_metadata(metadata)


def test_good_metadata() -> None:
    rules.check_metadata({"k" * 64: "v" * 512} | {str(n): "" for n in range(15)})
