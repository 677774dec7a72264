"""A TCP proxy that breaks connections in the ways that networks do.

Stands between any two processes: give one of them `proxy.address` instead of the other's. Faults
are set at any time and hold for connections that are open as well as for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

from tests.harness.loop_thread import LoopThread

_CHUNK = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Faults:
    """What happens to bytes. `down`: from the target to the caller; `up`: the other way.

    `refuse`: new connections are reset. `drop`: bytes vanish both ways and nothing is closed, as
    when a cable is cut (half-open). `latency`: seconds added to each chunk. `reset_after_down`: the
    connection is reset once so many bytes went down. `cut_responses`: the connection is closed
    instead of passing any byte down: the request arrived, its answer did not.
    """

    refuse: bool = False
    drop: bool = False
    latency: float = 0.0
    reset_after_down: int | None = None
    cut_responses: bool = False


@dataclass
class TcpProxy:
    """Listens on a free port of 127.0.0.1 and passes bytes to 127.0.0.1:`target`."""

    target: int = 0
    faults: Faults = field(default_factory=Faults)
    connections: int = 0

    def __post_init__(self) -> None:
        self._loop = LoopThread("tcp proxy")
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._loop.wait_for(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def address(self) -> str:
        """`host:port` to give to the caller's side."""
        return f"127.0.0.1:{self.port}"

    def heal(self) -> None:
        """Take all faults back."""
        self.faults = Faults()

    def reset_all(self) -> None:
        """Reset every open connection, as a crashed router would."""
        self._loop.wait_for(self._reset_all())

    def close(self) -> None:
        """End the proxy and its connections."""
        self._loop.wait_for(self._close())
        self._loop.close()

    async def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _close(self) -> None:
        self._server.close()
        await self._reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        if self.faults.refuse:
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        self._open.add(up_writer)
        ways = [
            asyncio.create_task(self._pass(reader, up_writer, down=False)),
            asyncio.create_task(self._pass(up_reader, writer, down=True)),
        ]
        self._tasks.update(ways)
        await asyncio.wait(ways)
        self._tasks.difference_update(ways)
        for end in (writer, up_writer):
            self._open.discard(end)
            end.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while chunk := await reader.read(_CHUNK):
                faults = self.faults
                if faults.drop:
                    continue
                if faults.latency:
                    await asyncio.sleep(faults.latency)
                if down and faults.cut_responses:
                    writer.close()
                    return
                limit = faults.reset_after_down if down else None
                if limit is not None and passed + len(chunk) >= limit:
                    writer.write(chunk[: max(0, limit - passed)])
                    await writer.drain()
                    _reset(writer)
                    return
                writer.write(chunk)
                await writer.drain()
                passed += len(chunk)
            if not self.faults.drop and writer.can_write_eof():
                writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
