"""What a project may use beside its limits: which models, how much of each, how much money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from argosy.registry.domain.accounts import check_email
from argosy.registry.domain.limits import Limits
from argosy.registry.domain.rules import RuleBroken

# A limit's id is a model's name after this, as with OpenAI.
RATE_LIMIT: Final = "rl-"

MAX_MODEL_IDS: Final = 500
MAX_RECIPIENTS: Final = 20
MAX_SUBJECT_CHARACTERS: Final = 100
MAX_URL_CHARACTERS: Final = 2048
# Sums of these stay within 64 bits when they are counted in millionths.
MAX_THRESHOLD: Final = 10**13
MICROS_A_HUNDREDTH: Final = 10_000
# More than any gateway could be asked; keeps sums within 64 bits.
MAX_RATE: Final = 10**15


class AccessMode(StrEnum):
    """How a list of models is meant."""

    ALLOW_LIST = "allow_list"
    DENY_LIST = "deny_list"


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """Only the models of the list, or all but these."""

    mode: AccessMode
    model_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """What gateways hold a project to beside its own limits. `model_limits` is by model id."""

    model_limits: Mapping[str, Limits] = field(default_factory=dict)
    access: ModelAccess | None = None
    spend_exhausted: bool = False


NO_BUDGET: Final = Budget()


@dataclass(frozen=True, slots=True)
class ModelLimit:
    """A project's limit for one model; 0 is no limit."""

    model_id: str
    requests_per_minute: int = 0
    tokens_per_minute: int = 0


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """The most money of a calendar month, in hundredths; `enforcing` once it is used up."""

    threshold: int
    enforcing: bool = False


@dataclass(frozen=True, slots=True)
class SpendAlert:
    """Who is to be told when a month's money reaches `threshold` hundredths.

    `webhook_url` is called then, empty for none; `reached_at` is when it last was, this month or
    before.
    """

    id: str
    scope: str
    threshold: int
    recipients: tuple[str, ...]
    subject_prefix: str
    webhook_url: str = ""
    reached_at: datetime | None = None

    def is_due(self, spent: int, now: datetime) -> bool:
        """Whether `spent` millionths reach it, and nobody was told this month."""
        told = self.reached_at is not None and self.reached_at >= month_of(now)
        return not told and spent >= self.threshold * MICROS_A_HUNDREDTH


def check_access(mode: AccessMode, model_ids: Iterable[str]) -> ModelAccess:
    """Return a list of models without repeats; raises RuleBroken if it is too long."""
    wanted = tuple(dict.fromkeys(model_ids))
    if len(wanted) > MAX_MODEL_IDS:
        raise RuleBroken(
            f"model_ids has {len(wanted)} models; the limit is {MAX_MODEL_IDS}.",
            param="model_ids",
        )
    return ModelAccess(mode, wanted)


def check_rate(value: int, param: str) -> int:
    """Return a number of requests or tokens a minute; raises RuleBroken."""
    if not 0 <= value <= MAX_RATE:
        raise RuleBroken(
            f"{param} must be between 0, which is no limit, and {MAX_RATE}.", param=param
        )
    return value


def check_threshold(value: int) -> int:
    """Return an amount of money; raises RuleBroken."""
    if not 1 <= value <= MAX_THRESHOLD:
        raise RuleBroken(
            f"threshold_amount must be between 1 and {MAX_THRESHOLD}, in hundredths of the "
            "currency unit.",
            param="threshold_amount",
        )
    return value


def check_alert(alert: SpendAlert) -> SpendAlert:
    """Return the alert with addresses in lower case; raises RuleBroken."""
    if not 1 <= len(alert.recipients) <= MAX_RECIPIENTS:
        raise RuleBroken(
            f"notification_channel.recipients must name 1 to {MAX_RECIPIENTS} addresses.",
            param="notification_channel.recipients",
        )
    if len(alert.subject_prefix) > MAX_SUBJECT_CHARACTERS or not alert.subject_prefix.isprintable():
        raise RuleBroken(
            f"notification_channel.subject_prefix must have at most {MAX_SUBJECT_CHARACTERS} "
            "printable characters.",
            param="notification_channel.subject_prefix",
        )
    return SpendAlert(
        alert.id,
        alert.scope,
        check_threshold(alert.threshold),
        tuple(check_email(r) for r in alert.recipients),
        alert.subject_prefix,
        _webhook_url(alert.webhook_url),
    )


def _webhook_url(url: str) -> str:
    if len(url) > MAX_URL_CHARACTERS:
        raise RuleBroken(
            f"argosy.webhook_url must have at most {MAX_URL_CHARACTERS} characters.",
            param="argosy.webhook_url",
        )
    return url


def month_of(now: datetime) -> datetime:
    """Return the beginning of the calendar month, in the zone of `now`."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
