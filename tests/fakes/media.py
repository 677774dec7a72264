"""What makes an engine with eyes and ears dangerous: it fetches what a message names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 2.0


def urls(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value that may be a URL, wherever it stands."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from urls(inner)
    elif isinstance(value, str) and ("://" in value or value.startswith("//")):
        yield value


async def fetch(url: str) -> None:
    """Connect to where a URL leads, as far as this reading of it goes."""
    with contextlib.suppress(OSError, ValueError, TimeoutError):
        parts = urlsplit(url.strip())
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        writer.close()
