"""The proxy of the fault tests does what it says: a fault that does nothing would prove nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.harness.proxy import Faults, TcpProxy


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(make_proxy: Callable[[int], TcpProxy], echo: int) -> TcpProxy:
    return make_proxy(echo)


def dial(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def exchange(connection: socket.socket, data: bytes = b"hello") -> bytes:
    connection.sendall(data)
    return connection.recv(65536)


def dial_and_exchange(proxy: TcpProxy) -> None:
    """The reset may come with the connect, the send or the receipt."""
    with dial(proxy) as connection:
        exchange(connection)


def receive_all(connection: socket.socket, received: bytearray) -> None:
    while data := connection.recv(64):
        received += data


def test_bytes_pass_both_ways(proxy: TcpProxy) -> None:
    with dial(proxy) as connection:
        assert exchange(connection) == b"hello"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert proxy.connections == 1


def test_refused_connections_are_reset_and_heal(proxy: TcpProxy) -> None:
    proxy.faults = Faults(refuse=True)
    with pytest.raises(ConnectionResetError):
        dial_and_exchange(proxy)
    proxy.heal()
    with dial(proxy) as connection:
        assert exchange(connection) == b"hello"


def test_dropped_bytes_leave_the_connection_half_open(proxy: TcpProxy) -> None:
    with dial(proxy) as connection:
        exchange(connection)
        proxy.faults = Faults(drop=True)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            exchange(connection)


def test_latency_is_added(proxy: TcpProxy) -> None:
    proxy.faults = Faults(latency=0.1)
    with dial(proxy) as connection:
        began = time.monotonic()
        assert exchange(connection) == b"hello"
        assert time.monotonic() - began >= 0.2


def test_a_reset_comes_after_the_given_bytes(proxy: TcpProxy) -> None:
    proxy.faults = Faults(reset_after_down=8)
    with dial(proxy) as connection:
        assert exchange(connection, b"12345") == b"12345"
        connection.sendall(b"67890")
        received = bytearray()
        with pytest.raises(ConnectionResetError):
            receive_all(connection, received)
        assert bytes(received) in {b"", b"678"}  # a reset may overtake what was on its way


def test_a_cut_response_arrives_nowhere(proxy: TcpProxy) -> None:
    proxy.faults = Faults(cut_responses=True)
    with dial(proxy) as connection:
        assert exchange(connection) == b""


def test_open_connections_can_be_reset(proxy: TcpProxy) -> None:
    with dial(proxy) as connection:
        exchange(connection)
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
