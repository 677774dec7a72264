"""Serving HTTP on one address: by several handles of one socket, and let go of at the end."""

from __future__ import annotations

import asyncio
from typing import Any

from argosy.kit.addresses import HostPort
from argosy.kit.http import bound, serving
from argosy.kit.processes import free_port


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ask(address: HostPort) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def test_many_connections_are_taken_and_the_address_is_free_afterwards() -> None:
    address = HostPort("127.0.0.1", free_port())
    async with serving(hello, address, accepts=4):
        answers = await asyncio.gather(*(ask(address) for _ in range(20)))
        assert all(answer.startswith(b"HTTP/1.1 204") for answer in answers)
    bound(address).close()
