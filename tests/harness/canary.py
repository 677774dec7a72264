"""A listener that nobody inside may reach: it counts who comes, and leads them further inside."""

from __future__ import annotations

import socket
import threading


class Canary:
    """Listens on every address of this machine; whoever comes is sent to the inside."""

    def __init__(self) -> None:
        self._listener = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
        )
        self.port: int = self._listener.getsockname()[1]
        self.visits = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            with connection:
                # Whoever follows redirects comes back.
                connection.sendall(
                    f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{self.port}/inside\r\n"
                    "content-length: 0\r\nconnection: close\r\n\r\n".encode()
                )

    def check(self) -> None:
        """Prove that a visit would be counted."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
            assert probe.recv(12) == b"HTTP/1.1 302"
        assert self.visits == 1
        self.visits = 0

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
