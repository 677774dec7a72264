"""Ids of the public API: a prefix that tells the kind and random characters.

Knows how ids look. Does not know what they name.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

FILE: Final = "file-"
JOB: Final = "ftjob-"
JOB_EVENT: Final = "ftevent-"
CHECKPOINT: Final = "ftckpt_"
PROJECT: Final = "proj_"
KEY: Final = "key_"
EVENT: Final = "evt_"
REQUEST: Final = "req_"


def new_id(prefix: str, length: int = 24) -> str:
    """Return `prefix` and `length` characters of 62 kinds (5.95 bits each) from the OS."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


_TUNED = re.compile(r"ft:[^:]+:[^:]+:[^:]*:[^:]+(:ckpt-step-\d+)?")


def tuned_model_id(base: str, organization_slug: str, suffix: str, unique: str) -> str:
    """Return the name of a tuned model, as OpenAI forms it: `ft:base:org:suffix:unique`.

    `suffix` may be empty. No part may hold a colon.
    """
    return f"ft:{base}:{organization_slug}:{suffix}:{unique}"


def checkpoint_model_id(tuned_id: str, step: int) -> str:
    """Return the name of the checkpoint that was taken after optimizer step `step`."""
    return f"{tuned_id}:ckpt-step-{step}"


def is_tuned_model_id(model_id: str) -> bool:
    """Tell whether the name has the form of a tuned model's or a checkpoint's."""
    return _TUNED.fullmatch(model_id) is not None
