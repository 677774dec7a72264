"""Which idle connections are used again, and how long an engine keeps them."""

from __future__ import annotations

import asyncio
from typing import cast

from argosy.gateway.engines.connection import Connection
from argosy.gateway.engines.connections import Connections
from argosy.gateway.familiar import Familiar


class Loop:
    """The time that is told to it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


class Transport:
    """A socket that can be closed."""

    def __init__(self) -> None:
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Pool:
    """Connections to an engine, and the time that passes."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.connections = Connections("engine", 1, connect_seconds=1)

    def made(self) -> tuple[Connection, Transport]:
        connection = Connection(cast("asyncio.AbstractEventLoop", self.loop), Familiar())
        transport = Transport()
        connection.connection_made(cast("asyncio.BaseTransport", transport))
        return connection, transport

    def closed_by_the_engine_after(self, seconds: float) -> None:
        connection, transport = self.made()
        self.connections.give_back(connection)
        self.loop.now += seconds
        transport.closed = True
        connection.connection_lost(None)
        assert self.connections.idle() is None

    def kept_for(self, seconds: float) -> bool:
        connection, transport = self.made()
        self.connections.give_back(connection)
        self.loop.now += seconds
        assert self.connections.idle() is (None if transport.closed else connection)
        return not transport.closed


def test_an_idle_connection_is_used_again_for_a_minute() -> None:
    pool = Pool()
    assert pool.kept_for(59)
    assert not pool.kept_for(61)


def test_an_engine_that_closes_idle_connections_is_not_waited_for_again() -> None:
    pool = Pool()
    pool.closed_by_the_engine_after(20)
    assert pool.kept_for(15)
    assert not pool.kept_for(17)


def test_an_engine_that_goes_down_does_not_say_how_long_it_keeps_connections() -> None:
    pool = Pool()
    pool.closed_by_the_engine_after(0.1)
    assert pool.kept_for(3.9)
    assert not pool.kept_for(4.1)


def test_what_a_burst_has_left_does_not_stay() -> None:
    pool = Pool()
    burst = [pool.made() for _ in range(3)]
    for connection, _ in burst:
        pool.connections.give_back(connection)
    for _ in range(3):
        pool.loop.now += 40
        used = pool.connections.idle() or pool.made()[0]
        pool.connections.give_back(used)
    assert [transport.closed for _, transport in burst] == [True, True, False]
