"""Where a measurement takes place: programs, processors, a folder, the engine, a sink for traces.

Knows how to put all this up and take it down. Does not know gateways.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from argosy.kit.processes import free_port

from benchmarks.build import CACHE, Programs, build
from benchmarks.client import Load, Report, put
from benchmarks.otlp_sink import Sink, receiving
from benchmarks.processes import Cores, running, share_cores
from benchmarks.ready import wait_until_serves


@dataclass(frozen=True)
class Site:
    """What every gateway under measurement gets."""

    programs: Programs
    available: Sequence[int]
    cores: Cores
    folder: Path
    engine_port: int
    sink: Sink

    def put(self, load: Load, port: int) -> Report:
        """Put a load on a port of this machine and return what came of it."""
        return put(load, self.programs.load, port, self.cores.clients)

    def with_cores(self, for_gateway: int) -> Site:
        """Return the same place with so many processors for the gateway, if there are enough."""
        most = max(1, min(for_gateway, len(self.available) - 2))
        return replace(self, cores=share_cores(self.available, for_gateway=most))


@contextlib.contextmanager
def site(*, rivals: bool) -> Iterator[Site]:
    """Build what is missing and run the engine for the time of the block.

    This process itself moves to the clients' processor. Raises BuildError, NotReadyError.
    """
    programs = build(rivals=rivals)
    available = sorted(os.sched_getaffinity(0))
    cores = share_cores(available)
    os.sched_setaffinity(0, cores.clients)
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_folder())
        sink = stack.enter_context(receiving())
        command: list[str | Path] = [programs.mock, str(port)]
        child = stack.enter_context(running(command, cores=cores.engine, folder=folder))
        wait_until_serves(port, child)
        yield Site(programs, available, cores, folder, port, sink)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for configurations and logs; it is kept, and named, if the measurement fails."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
    try:
        yield folder
    except BaseException:
        print(f"logs are kept in {folder}")
        raise
    shutil.rmtree(folder)
