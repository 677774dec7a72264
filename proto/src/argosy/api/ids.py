"""Ids of the public API: a prefix that tells the kind and random characters.

Knows how ids look. Does not know what they name.
"""

from __future__ import annotations

import re
import secrets
import zlib
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

FILE: Final = "file-"
JOB: Final = "ftjob-"
JOB_EVENT: Final = "ftevent-"
CHECKPOINT: Final = "ftckpt_"
TUNING_EVALUATION: Final = "fteval-"
PROJECT: Final = "proj_"
KEY: Final = "key_"
SERVICE_ACCOUNT: Final = "svc_acct_"
USER: Final = "user-"
INVITE: Final = "invite-"
ACCESS_REQUEST: Final = "areq_"
SPEND_ALERT: Final = "alert_"
PERMISSION: Final = "cp_"
AUDIT_ENTRY: Final = "audit_log-"
DATASET: Final = "dset_"
DATASET_VERSION: Final = "dsv_"
DATASET_RECORD: Final = "rec_"
DATASET_TASK: Final = "dtask_"
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


_KEY_SECRET: Final = "sk-argosy-"  # noqa: S105 - where every key begins
# 43 characters of 62 kinds are 256 bits.
_SECRET_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_KEY_FORM = re.compile(rf"{_KEY_SECRET}[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}")


def new_key_secret() -> str:
    """Return a new API key: a prefix, 256 random bits and a checksum of both.

    By the checksum a mistyped or invented key is known as such without asking anyone.
    """
    secret = new_id(_KEY_SECRET, _SECRET_LENGTH)
    return secret + _checksum(secret)


def is_key_secret(text: str) -> bool:
    """Tell whether `text` has the form and the checksum of `new_key_secret`."""
    if _KEY_FORM.fullmatch(text) is None:
        return False
    return _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]


def _checksum(text: str) -> str:
    rest = zlib.crc32(text.encode())
    characters = ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, index = divmod(rest, len(_ALPHABET))
        characters += _ALPHABET[index]
    return characters
