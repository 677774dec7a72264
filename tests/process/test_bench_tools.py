"""The bench's own programs: the engine that costs nothing, and clients that notice every lost byte.

A broken gateway must not look fast: each way of dropping data is played to the load generator by a
server that does just that.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.kit.processes import free_port

from benchmarks.build import Programs, build
from benchmarks.client import Load, Report, put
from benchmarks.processes import running
from benchmarks.ready import wait_until_serves
from tests.harness.waiting import wait_until

CORES = (0,)


@pytest.fixture(scope="module")
def programs() -> Programs:
    return build(rivals=False)


@pytest.fixture(scope="module")
def mock(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, folder = free_port(), tmp_path_factory.mktemp("mock")
    command: list[str | Path] = [programs.mock, str(port)]
    with running(command, cores=CORES, folder=folder) as child:
        wait_until_serves(port, child)
        yield port


def _stats(port: int) -> dict[str, int]:
    return json.loads(_exchange(port, "GET", "/stats"))


def _exchange(port: int, method: str, path: str, body: str = "") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        return connection.getresponse().read()
    finally:
        connection.close()


@contextlib.contextmanager
def _answering(answer: bytes, *, close: bool = False, bytewise: bool = False) -> Iterator[int]:
    """A server that answers every request with the same bytes, whatever they are."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while peer.recv(65536):
                for piece in (bytes([b]) for b in answer) if bytewise else [answer]:
                    peer.sendall(piece)
                if close:
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _stream(chunks: list[bytes]) -> bytes:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"
    )


def _delta(number: int) -> bytes:
    stamp = f"@{time.monotonic_ns():019}#{number}"
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % stamp.encode()


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"
CHUNKS = 3
WHOLE = [_delta(0), _delta(1), _delta(2), DONE]


def _load(programs: Programs, port: int, load: Load) -> Report:
    return put(load, programs.load, port, CORES)


def _three_chunks(programs: Programs, answer: bytes, **how: bool) -> Report:
    with _answering(answer, **how) as port:
        return _load(programs, port, Load("stream", 2, 0.2, chunks=CHUNKS))


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_whole_stream_is_an_answer(programs: Programs, bytewise: bool) -> None:
    report = _three_chunks(programs, _stream(WHOLE), bytewise=bytewise)
    assert report.answered > 0
    assert report.failures == 0
    assert report.chunks == CHUNKS * report.answered


def test_events_may_share_a_chunk_of_the_coding(programs: Programs) -> None:
    report = _three_chunks(programs, _stream([b": ping\n\n" + b"".join(WHOLE)]))
    assert report.answered > 0
    assert report.failures == 0


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([_delta(0), _delta(2), DONE], id="a chunk is missing"),
        pytest.param([_delta(0), _delta(1), DONE], id="the last chunk is missing"),
        pytest.param([_delta(0), _delta(2), _delta(1), DONE], id="out of order"),
        pytest.param([_delta(0), _delta(1), _delta(1), DONE], id="twice"),
        pytest.param(WHOLE[:-1], id="no end"),
        pytest.param([*WHOLE[:-1], USAGE, DONE], id="usage that nobody asked for"),
        pytest.param([*WHOLE[:-1], b'data: {"error":{}}\n\n', DONE], id="an error inside"),
    ],
)
def test_a_stream_that_is_not_whole_is_wrong(programs: Programs, chunks: list[bytes]) -> None:
    report = _three_chunks(programs, _stream(chunks))
    assert report.answered == 0
    assert report.wrong > 0
    assert "wrong answer" in report.error


def test_a_cut_stream_is_reset(programs: Programs) -> None:
    report = _three_chunks(programs, _stream(WHOLE)[:-9], close=True)
    assert report.answered == 0
    assert report.reset > 0


def _json(body: bytes, status: str = "200 OK", more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + more


def _answered_with(programs: Programs, answer: bytes) -> Report:
    with _answering(answer) as port:
        return _load(programs, port, Load("json", 2, 0.2))


def test_an_answer_must_be_the_engines_byte_for_byte(programs: Programs, mock: int) -> None:
    body = _exchange(mock, "POST", "/v1/chat/completions", "{}")
    assert _answered_with(programs, _json(body)).failures == 0
    for broken in (body.replace(b"ship", b"shop", 1), body[:-1], body + b" "):
        report = _answered_with(programs, _json(broken))
        assert report.answered == 0
        assert report.wrong > 0


def test_bytes_after_an_answer_are_wrong(programs: Programs, mock: int) -> None:
    body = _exchange(mock, "POST", "/v1/chat/completions", "{}")
    assert _answered_with(programs, _json(body, more=b"x")).wrong > 0


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_refusals_are_counted_apart(programs: Programs, status: str) -> None:
    report = _answered_with(programs, _json(b"{}", status))
    assert report.answered == report.failures == 0
    assert report.refused == report.refusal.count > 0


def test_another_status_is_wrong(programs: Programs) -> None:
    assert _answered_with(programs, _json(b"{}", "500 Internal Server Error")).wrong > 0


def test_streams_of_the_mock_are_whole_and_paced(programs: Programs, mock: int) -> None:
    report = _load(programs, mock, Load("stream", 8, 0.3, chunks=10, interval_ms=20))
    assert report.failures == 0
    assert report.chunks == 10 * report.answered
    assert report.gap.p50 == pytest.approx(20_000, rel=0.2)
    assert 0 < report.delay.p50 < report.ttft.max


def test_usage_comes_only_if_asked_for(mock: int) -> None:
    ask = '{"stream":true,"max_tokens":2,"stream_options":{"include_usage":true}}'
    told = _exchange(mock, "POST", "/v1/chat/completions", ask)
    assert told.count(b'"usage":{') == 1
    assert told.endswith(DONE)
    untold = _exchange(mock, "POST", "/v1/chat/completions", '{"stream":true,"max_tokens":2}')
    assert b"usage" not in untold


def test_clients_that_hang_up_are_seen_by_the_engine(programs: Programs, mock: int) -> None:
    before = _stats(mock)["aborted"]
    load = Load("stream", 16, 0.5, chunks=20, interval_ms=20, hangups=1.0, seed=7)
    report = _load(programs, mock, load)
    assert report.hangups > 0
    assert report.failures == 0
    wait_until(lambda: _stats(mock)["active"] == 0)
    # A client may leave between the last chunk and its reading: then nothing was cut.
    assert report.hangups - 2 <= _stats(mock)["aborted"] - before <= report.hangups


def test_a_rate_is_kept(programs: Programs, mock: int) -> None:
    report = _load(programs, mock, Load("json", 20, 1.0, rate=200.0))
    assert report.started == pytest.approx(200, abs=20)
    assert report.answered == report.started


def test_a_childs_time_memory_and_files_include_what_it_started(tmp_path: Path) -> None:
    burn = "sum(range(5_000_000))"
    inner = f"import sys; {burn}; print('burnt', flush=True); sys.stdin.read()"
    outer = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {inner!r}], stdin=subprocess.PIPE)\n"
        "p.wait()"
    )
    command: list[str | Path] = [sys.executable, "-c", outer]
    with running(command, cores=CORES, folder=tmp_path) as child:
        wait_until(lambda: "burnt" in child.log.read_text())
        tree = child.tree()
        assert len(tree) == 2
        assert set(child.resident_bytes()) == set(tree)
        # Python's own start takes about 20 ms; the loop of the grandchild takes longer.
        assert child.cpu_ns() > 60_000_000
        assert child.open_files() >= 6
    assert child.ended
