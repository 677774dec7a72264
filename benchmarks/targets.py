"""What is measured: the engine direct, and each gateway before it. How each is set up and started.

All forward every request of one port to the one engine, over kept connections, on the same
processor, and write no line a request but Argosy, whose usage log is on. Does not know the loads.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.kit.processes import free_port

from benchmarks.processes import Child, running
from benchmarks.ready import KEY, MODEL, wait_until_serves
from benchmarks.results import ARGOSY, NGINX, VLLM_ROUTER
from benchmarks.site import Site

# High enough that no load reaches them: limits are enforced, only never hit.
UNREACHED: Final = 1_000_000_000_000


class Target:
    """Something that answers on `port`: a gateway, or the engine itself."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port

    def cpu_ns(self) -> int:
        """Return the CPU time that gateways took so far; the engine is none."""
        return 0


class Gateway(Target):
    """A gateway and its processes."""

    def __init__(self, name: str, port: int, child: Child) -> None:
        super().__init__(name, port)
        self.child = child

    def cpu_ns(self) -> int:
        return self.child.cpu_ns()


@contextlib.contextmanager
def nginx(site: Site, program: Path) -> Iterator[Gateway]:
    """Run nginx with one worker and its connections kept on both sides."""
    port = free_port()
    config = site.folder / "nginx.conf"
    config.write_text(_nginx_config(port, site.engine_port, site.folder))
    command: list[str | Path] = [program, "-c", config, "-e", site.folder / "nginx.error.log"]
    with running(command, cores=site.cores.gateway, folder=site.folder) as child:
        wait_until_serves(port, child)
        yield Gateway(NGINX, port, child)


def _nginx_config(port: int, upstream: int, folder: Path) -> str:
    # nginx would run its worker as nobody, who may not write here.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
    {user}
    daemon off;
    worker_processes 1;
    pid {folder}/nginx.pid;
    error_log {folder}/nginx.error.log warn;
    events {{ worker_connections 16384; }}
    http {{
        access_log off;
        {temporary}
        client_body_buffer_size 64k;
        keepalive_requests 1000000000;
        upstream engine {{
            server 127.0.0.1:{upstream};
            keepalive 2048;
            keepalive_requests 1000000000;
        }}
        server {{
            listen 127.0.0.1:{port} backlog=4096;
            location / {{
                proxy_pass http://engine;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $host;
                proxy_buffering off;
                proxy_read_timeout 600s;
            }}
        }}
    }}
    """


@contextlib.contextmanager
def vllm_router(site: Site, program: Path) -> Iterator[Gateway]:
    """Run vllm-router with its cheapest policy; its runtime takes one thread a processor it has."""
    port = free_port()
    command: list[str | Path] = [
        program, "--host", "127.0.0.1", "--port", str(port),
        "--worker-urls", f"http://127.0.0.1:{site.engine_port}",
        "--policy", "round_robin", "--log-level", "warning",
        "--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port()),
        "--worker-startup-check-interval", "1",
    ]  # fmt: skip
    with running(command, cores=site.cores.gateway, folder=site.folder) as child:
        wait_until_serves(port, child)
        yield Gateway(VLLM_ROUTER, port, child)


@dataclass(frozen=True)
class Setup:
    """How Argosy is set up: its file's values that differ between measurements."""

    workers: int = 1
    concurrency: int = 4096
    queue: int = 4096
    queue_seconds: float = 30.0
    more: str = ""


class Argosy(Gateway):
    """Argosy, with the file of its usage: a line a request."""

    def __init__(self, port: int, child: Child, usage: Path) -> None:
        super().__init__(ARGOSY, port, child)
        self.usage = usage


@contextlib.contextmanager
def argosy(site: Site, setup: Setup) -> Iterator[Argosy]:
    """Run `argosy gateway` with everything on."""
    port = free_port()
    config = site.folder / f"gateway-{port}.toml"
    usage = site.folder / f"usage-{port}.jsonl"
    config.write_text(_argosy_config(site, setup, port, usage))
    command: list[str | Path] = [site.programs.argosy, "gateway", "--config", config]
    with running(command, cores=site.cores.gateway, folder=site.folder) as child:
        wait_until_serves(port, child)
        yield Argosy(port, child, usage)


def _argosy_config(site: Site, setup: Setup, port: int, usage: Path) -> str:
    """Return the gateway's file: authentication, limits, prices, usage, metrics, 1 % of traces."""
    limits = "".join(
        f"{name} = {UNREACHED}\n"
        for name in (
            "requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrent_requests",
            "micros_per_day",
        )
    )  # fmt: skip
    return f"""
[gateway]
port = {port}
metrics_port = {free_port()}
workers = {setup.workers}
usage_log = "{usage}"
otlp_endpoint = "{site.sink.url}"
trace_sample_ratio = 0.01

[[pool]]
name = "mock"
engine = "openai"
replicas = ["http://127.0.0.1:{site.engine_port}"]
concurrency = {setup.concurrency}
queue = {setup.queue}
queue_seconds = {setup.queue_seconds}

[[pool.models]]
name = "{MODEL}"
context_length = 32768
price = {{ input = 100_000, output = 400_000 }}

[[project]]
name = "measured"
{limits}
[[key]]
name = "bench"
secret = "{KEY}"
project = "measured"
{limits}
{setup.more}
"""
