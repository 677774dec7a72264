"""Engines behind https: the certificate counts, the name in it too."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.client import Client
from argosy.gateway.engines.failures import ConnectFailed

GET = Call("GET", "/x")


@contextlib.asynccontextmanager
async def serving(name: str, authority: trustme.CA) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this process believes, as an operator adds one: by SSL_CERT_FILE."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


async def test_a_trusted_engine_is_asked_again_and_again(trusted: trustme.CA) -> None:
    async with serving("localhost", trusted) as port:
        client = Client(f"https://localhost:{port}", key="k", connect_seconds=5)
        for _ in range(2):
            assert await client.fetch(GET, 5) == (200, b"ok")
        client.close()


@pytest.mark.parametrize("why", ["another authority", "another name"])
async def test_an_engine_that_is_not_who_it_says_is_not_asked(
    trusted: trustme.CA, why: str
) -> None:
    signer = trustme.CA() if why == "another authority" else trusted
    name = "elsewhere.example" if why == "another name" else "localhost"
    async with serving(name, signer) as port:
        client = Client(f"https://localhost:{port}", key="k", connect_seconds=5)
        with pytest.raises(ConnectFailed, match="SSLCertVerificationError"):
            await client.fetch(GET, 5)
        client.close()
