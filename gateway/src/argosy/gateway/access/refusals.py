"""What a client is told of its limits: headers on every answer, and the error when one is reached.

Knows OpenAI's words and headers. Decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from argosy.gateway.access.subjects import COST_A_MICRO, Limit, Subject
from argosy.kit.errors import QuotaExceeded, RateLimited

Headers = list[tuple[bytes, bytes]]

_WINDOW: Final = b"1m0s"
# Nobody knows when a request ends; one that waits so long does not crowd the server.
_RETRY_CONCURRENT: Final = 1.0
# The stock SDK tries by itself what it is not told to leave.
_NO_RETRY: Final = (b"x-should-retry", b"false")
# The longest that it waits.
_SDK_PATIENCE: Final = 60.0

_UNITS: Final = {
    Limit.REQUESTS_PER_MINUTE: "requests per minute",
    Limit.TOKENS_PER_MINUTE: "tokens per minute",
    Limit.TOKENS_PER_DAY: "tokens per day",
    Limit.CONCURRENT_REQUESTS: "requests at the same time",
    Limit.MICROS_PER_DAY: "millionths of the currency unit per day",
}
_WHOSE: Final = {"key": "the key", "project": "the project", "model": "the project for this model"}


def money_of_the_month() -> QuotaExceeded:
    """Return what a project is told whose money of the month is used up."""
    return QuotaExceeded(
        "Your project has reached its spend limit of this calendar month (UTC). Ask an owner to "
        "raise it, or wait for the next month.",
        code="insufficient_quota",
        headers=(_NO_RETRY,),
    )


def limit_headers(subjects: Iterable[Subject]) -> Headers:
    """Return OpenAI's headers for the minute's limits; of several subjects the one with less left.

    A window that slides is as good as new when its last request is a minute old.
    """
    requests, tokens = _least(subjects)
    headers: Headers = []
    if requests is not None:
        headers += (
            (b"x-ratelimit-limit-requests", b"%d" % requests.requests),
            (b"x-ratelimit-remaining-requests", b"%d" % max(0, requests.left_requests)),
            (b"x-ratelimit-reset-requests", _WINDOW),
        )
    if tokens is not None:
        headers += (
            (b"x-ratelimit-limit-tokens", b"%d" % tokens.tokens),
            (b"x-ratelimit-remaining-tokens", b"%d" % max(0, tokens.left_tokens)),
            (b"x-ratelimit-reset-tokens", _WINDOW),
        )
    return headers


def limit_lines(subjects: Iterable[Subject]) -> bytes:
    """Return what `limit_headers` returns as it is written."""
    requests, tokens = _least(subjects)
    if requests is None or tokens is None:
        return b"".join([b"%b: %b\r\n" % header for header in limit_headers(subjects)])
    return (
        b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\n"
        b"x-ratelimit-reset-requests: 1m0s\r\nx-ratelimit-limit-tokens: %d\r\n"
        b"x-ratelimit-remaining-tokens: %d\r\nx-ratelimit-reset-tokens: 1m0s\r\n"
    ) % (
        requests.requests,
        max(0, requests.left_requests),
        tokens.tokens,
        max(0, tokens.left_tokens),
    )


def _least(subjects: Iterable[Subject]) -> tuple[Subject | None, Subject | None]:
    """Return the subjects with the fewest requests and the fewest tokens left."""
    requests: Subject | None = None
    tokens: Subject | None = None
    for subject in subjects:
        if subject.requests and (
            requests is None or subject.left_requests < requests.left_requests
        ):
            requests = subject
        if subject.tokens and (tokens is None or subject.left_tokens < tokens.left_tokens):
            tokens = subject
    return requests, tokens


def refusal(
    subject: Subject,
    limit: Limit,
    *,
    tokens: int,
    cost: int,
    second: int,
    day: int,
    to_midnight: float,
) -> RateLimited:
    """Return the error for a request of `tokens` and `cost` that `limit` does not let through.

    The request itself is counted no more.
    """
    most, used = subject.figures(limit, second, day)
    asked = {Limit.TOKENS_PER_MINUTE: tokens, Limit.TOKENS_PER_DAY: tokens}.get(limit, 1)
    if limit is Limit.MICROS_PER_DAY:
        most, used, asked = most // COST_A_MICRO, used // COST_A_MICRO, -(-cost // COST_A_MICRO)
    seconds: float | None
    if asked > most:
        seconds = None
    elif limit is Limit.CONCURRENT_REQUESTS:
        seconds = _RETRY_CONCURRENT
    elif limit in {Limit.TOKENS_PER_DAY, Limit.MICROS_PER_DAY}:
        seconds = to_midnight
    else:
        seconds = subject.seconds_until(limit, second, most - asked)
    shown = f"Limit {most}, used {used}, requested {asked}."
    subject.broken(second, day)  # brings up to date what the headers tell
    headers = (*limit_headers([subject]), *_retry(seconds))
    whose = _WHOSE[subject.who]
    begin = f"Rate limit of {whose} reached: {_UNITS[limit]}. {shown} "
    match limit:
        case Limit.MICROS_PER_DAY:
            return QuotaExceeded(
                f"The quota of {whose} is used up: {_UNITS[limit]}. {shown} "
                + _way_out(seconds, "Ask for fewer tokens, or for a higher limit."),
                code="insufficient_quota",
                headers=headers,
            )
        case Limit.CONCURRENT_REQUESTS:
            return RateLimited(
                begin + "Wait for one to end, or send fewer at once.",
                code="concurrent_requests_exceeded",
                headers=headers,
            )
        case Limit.REQUESTS_PER_MINUTE:
            way_out = _way_out(seconds, "Ask for a higher limit.")
        case _:
            way_out = _way_out(
                seconds, "The request alone is over the limit: shorten it or lower 'max_tokens'."
            )
    return RateLimited(begin + way_out, code="rate_limit_exceeded", headers=headers)


def _way_out(seconds: float | None, never: str) -> str:
    return never if seconds is None else f"Try again in {_duration(seconds)}."


def _duration(seconds: float) -> str:
    """Return OpenAI's form: `6m0s`, `1s`."""
    whole = math.ceil(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else ""]
    return "".join(parts) + f"{whole % 60}s"


def _retry(seconds: float | None) -> Headers:
    if seconds is None:
        return [_NO_RETRY]
    headers = [
        (b"retry-after", b"%d" % math.ceil(seconds)),
        (b"retry-after-ms", b"%d" % math.ceil(seconds * 1000)),
    ]
    return headers if seconds <= _SDK_PATIENCE + 1 else [*headers, _NO_RETRY]
