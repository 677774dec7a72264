"""Usage on disk: what was recorded is sent, once the bus takes it, whatever died in between."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from argosy.gateway.errors import Outcome
from argosy.gateway.metering.meter import Meter
from argosy.gateway.metering.spool import Spool, SpoolFull, read
from argosy.gateway.metering.usage import Usage
from argosy.kit.bus import BusUnavailable
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

from tests.harness.lane_plane import ListBus, until

ROOT = Path(__file__).resolve().parents[3]


def _segments(folder: Path, state: str = "spool") -> list[Path]:
    return list(folder.glob(f"*.{state}"))


def usage(request_id: str) -> Usage:
    return Usage(
        project_id="proj_a", key_id="key_a", model="m", request_id=request_id, operation="chat",
        outcome=Outcome.OK, input_tokens=1, output_tokens=2, cached_input_tokens=0,
        estimated=False, seconds=1.5, first_token_seconds=0.25,
    )  # fmt: skip


def meter(spool: Spool, bus: ListBus) -> Meter:
    return Meter(spool, bus, clock=ManualClock(), metrics=CollectorRegistry())


def sent(bus: ListBus) -> list[str]:
    return [event.usage_recorded.request_id for event in bus.events.values()]


async def test_recorded_is_sent_and_the_disk_is_free_again(tmp_path: Path) -> None:
    bus = ListBus()
    with Spool(tmp_path) as spool:
        taking = meter(spool, bus)
        for i in range(200):
            taking.record(usage(f"r{i}"))
        await taking.drain()
        assert sent(bus) == [f"r{i}" for i in range(200)]
        assert spool.size == 0
        assert not _segments(tmp_path)
    event = next(iter(bus.events.values()))
    told = event.usage_recorded
    assert (event.project_id, told.duration_ms, told.first_token_ms) == ("proj_a", 1500, 250)


async def test_while_the_bus_is_down_nothing_is_lost(tmp_path: Path) -> None:
    bus = ListBus()
    bus.down = True
    with Spool(tmp_path) as spool:
        taking = meter(spool, bus)
        taking.record(usage("a"))
        taking.record(usage("b"))
        with pytest.raises(BusUnavailable):
            await taking.drain()
        draining = asyncio.create_task(taking.run())
        bus.down = False
        await until(lambda: sent(bus) == ["a", "b"], "both")
        draining.cancel()


async def test_what_a_killed_process_left_is_sent_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "sys.path.insert(0, os.getcwd())\n"
        "from argosy.gateway.metering.spool import Spool\n"
        "from tests.unit.gateway.test_metering_spool import *\n"
        "taking = meter(Spool(Path(sys.argv[1])), ListBus())\n"
        "for i in range(50): taking.record(usage(f'r{i}'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    died = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, check=False, timeout=120, capture_output=True
    )
    assert died.returncode == -9, died.stderr
    (segment,) = _segments(tmp_path)
    # The room that was taken for more is not a record.
    found, damaged = read(segment)
    assert (len(found), damaged) == (50, False)
    # A torn last record, as a full disk or a power cut leaves it.
    with segment.open("ab") as file:
        file.write(b"\0\0\1\0torn")
    bus = ListBus()
    with Spool(tmp_path) as spool:
        await meter(spool, bus).drain()
    assert sent(bus) == [f"r{i}" for i in range(50)]


async def test_a_damaged_file_is_kept_and_counted_and_the_next_is_sent(tmp_path: Path) -> None:
    bus, metrics = ListBus(), CollectorRegistry()
    with Spool(tmp_path) as spool:
        taking = Meter(spool, bus, clock=ManualClock(), metrics=metrics)
        for name in ("a", "b", "c"):
            taking.record(usage(name))
        spool.seal()
        (segment,) = spool.sealed()
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        taking.record(usage("later"))
        await taking.drain()
        assert sent(bus) == ["a", "later"]
        assert spool.size == 0
        assert not _segments(tmp_path)
    (kept,) = _segments(tmp_path, "damaged")
    assert kept.read_bytes() == content
    assert metrics.get_sample_value("argosy_gateway_usage_lost_events_total") == 1


def test_it_is_bounded_and_rotates(tmp_path: Path) -> None:
    with Spool(tmp_path, max_bytes=1000, segment_bytes=300) as spool:
        for _ in range(10):
            spool.append(b"x" * 92)
        with pytest.raises(SpoolFull):
            spool.append(b"x")
        assert spool.size == 1000
        assert len(_segments(tmp_path)) == 4


async def test_a_full_spool_counts_what_it_loses_and_never_raises(tmp_path: Path) -> None:
    metrics = CollectorRegistry()
    with Spool(tmp_path, max_bytes=10) as spool:
        Meter(spool, ListBus(), clock=ManualClock(), metrics=metrics).record(usage("a"))
    assert metrics.get_sample_value("argosy_gateway_usage_lost_events_total") == 1


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(BlockingIOError):
        Spool(tmp_path)
    Spool(tmp_path).close()
