"""What every call needs at the edge: errors in the API's words, streams that come to an end."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from argosy.kit.errors import InvalidRequest, Unavailable
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.store.failures import DATABASE_ERRORS, Fault, fault

_log = logging.getLogger(__name__)

T = TypeVar("T")

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def edge() -> Iterator[None]:
    """Turn a broken rule and a missing database or disk into what the caller may be told."""
    try:
        yield
    except RuleBroken as broken:
        raise InvalidRequest(broken.message, param=broken.param, code=broken.code) from None
    except DATABASE_ERRORS as error:
        whose = fault(error)
        if whose is Fault.OURS:
            raise
        if whose is Fault.CALLER:
            raise InvalidRequest(
                "A value holds characters that no name has, such as NUL."
            ) from None
        _log.warning("the database does not answer: %s", type(error).__name__)
        raise Unavailable(
            "The registry's database does not answer right now. Try again in a few seconds.",
            code="service_unavailable",
        ) from error
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _log.error("the blob store's disk is full")
        raise Unavailable(
            "The registry's storage is full. Delete files, or ask the operator for space.",
            code="storage_full",
        ) from error


async def within(parts: AsyncIterator[T], seconds: float) -> AsyncIterator[T]:
    """Yield from `parts`; raises InvalidRequest if the next one takes more than `seconds`."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise InvalidRequest(
                f"The upload sent nothing for {seconds:g} seconds. Send it again.", param="file"
            ) from None
        yield part
