"""What a request for a job may say, apart from its hyperparameters.

Knows OpenAI's limits. Does not know which models and files exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from argosy.trainer.domain.parameters.parameter import BadParameter

MAX_SEED: Final = 2**31 - 1
MAX_SUFFIX: Final = 64
MAX_METADATA_PAIRS: Final = 16
MAX_METADATA_KEY: Final = 64
MAX_METADATA_VALUE: Final = 512
MAX_IDEMPOTENCY_KEY: Final = 255

# It becomes a part of a model's name, whose parts are divided by colons.
_SUFFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_suffix(suffix: str) -> None:
    """Raises `BadParameter`."""
    if not suffix:
        return
    if len(suffix) > MAX_SUFFIX or not _SUFFIX.fullmatch(suffix):
        raise BadParameter(
            "suffix",
            f"'suffix' must have 1 to {MAX_SUFFIX} letters, digits, '.', '_' or '-', and begin "
            "with a letter or digit. It becomes a part of the model's name.",
        )


def check_seed(seed: int | None) -> None:
    """Raises `BadParameter`."""
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise BadParameter(
            "seed",
            f"'seed' is {seed}, but must lie between 0 and {MAX_SEED}. "
            "Leave it out to get a random one.",
        )


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raises `BadParameter`."""
    if len(metadata) > MAX_METADATA_PAIRS:
        raise BadParameter(
            "metadata",
            f"'metadata' has {len(metadata)} pairs, but may have {MAX_METADATA_PAIRS} at most.",
        )
    for key, value in metadata.items():
        if not 1 <= len(key) <= MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            raise BadParameter(
                "metadata",
                f"A key of 'metadata' may have 1 to {MAX_METADATA_KEY} characters, "
                f"a value {MAX_METADATA_VALUE} at most.",
            )


def check_idempotency_key(key: str) -> None:
    """Raises `BadParameter`."""
    if len(key) > MAX_IDEMPOTENCY_KEY:
        raise BadParameter(
            "Idempotency-Key",
            f"The header Idempotency-Key has {len(key)} characters, "
            f"but may have {MAX_IDEMPOTENCY_KEY} at most.",
        )
