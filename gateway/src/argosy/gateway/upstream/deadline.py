"""A deadline around a step of a stream: gRPC's own deadline covers only whole calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from argosy.kit.errors import Unavailable
from argosy.kit.rpc import calling


@contextlib.asynccontextmanager
async def within(service: str, seconds: float) -> AsyncIterator[None]:
    """Run the block for at most `seconds`; a failed call becomes the error it stands for."""
    try:
        async with asyncio.timeout(seconds):
            with calling(service):
                yield
    except TimeoutError as error:
        raise Unavailable(
            f"The {service} service stopped answering. Try again in a few seconds.",
            code="service_unavailable",
        ) from error
