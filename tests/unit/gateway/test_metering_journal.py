"""What a killed gateway was working on is recorded by the next one in its folder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from argosy.gateway.errors import Outcome
from argosy.gateway.metering.journal import Journal
from argosy.gateway.metering.meter import Meter
from argosy.gateway.metering.spool import Spool
from argosy.gateway.metering.usage import Usage
from argosy.kit.clock import ManualClock, SystemClock
from prometheus_client import CollectorRegistry

from tests.harness.lane_plane import ListBus

ROOT = Path(__file__).resolve().parents[3]
BEGAN = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)

KILLED = """
import os, signal, sys
from pathlib import Path
from argosy.gateway.metering.journal import Journal
from argosy.kit.clock import SystemClock
from tests.unit.gateway.test_metering_journal import usage
journal = Journal(Path(sys.argv[1]), SystemClock())
places = [journal.enter(usage(f"req_{i}")) for i in range(5)]
places[1].tell(30, 10, 8)
places[1].tell(30, 10, 16)
journal.leave(places[2])
places[3].tell(7, 0, 1)
journal.leave(places[4])
os.kill(os.getpid(), signal.SIGKILL)
"""


def usage(request_id: str, model: str = "m") -> Usage:
    return Usage(
        project_id="proj_a", key_id="key_a", model=model, request_id=request_id, operation="chat",
        outcome=Outcome.GATEWAY_DIED, input_tokens=0, output_tokens=0, cached_input_tokens=0,
        estimated=False, seconds=0.0, traceparent="00-" + "0" * 32 + "-" + "0" * 16 + "-01",
    )  # fmt: skip


async def test_what_a_kill_leaves_is_recorded_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=False, timeout=60)
    assert killed.returncode == -9
    bus = ListBus()
    with Spool(tmp_path) as spool, Journal(tmp_path, ManualClock()) as journal:
        meter = Meter(spool, bus, clock=ManualClock(), metrics=CollectorRegistry())
        assert meter.recover(journal) == 3
        assert meter.recover(journal) == 0
        await meter.drain()
    told = {event.id: event.usage_recorded for event in bus.events.values()}
    assert {
        key: (use.input_tokens, use.cached_input_tokens, use.output_tokens, use.estimated)
        for key, use in told.items()
    } == {"evt_0": (0, 0, 0, False), "evt_1": (30, 10, 16, True), "evt_3": (7, 0, 1, True)}
    assert {use.outcome for use in told.values()} == {"gateway_died"}


async def test_it_is_of_the_day_on_which_it_began(tmp_path: Path) -> None:
    with Journal(tmp_path, ManualClock(BEGAN)) as journal:
        journal.enter(usage("req_late"))
    bus = ListBus()
    with Spool(tmp_path) as spool, Journal(tmp_path, SystemClock()) as journal:
        meter = Meter(spool, bus, clock=SystemClock(), metrics=CollectorRegistry())
        meter.recover(journal)
        await meter.drain()
    assert [e.occurred_at.ToDatetime(tzinfo=UTC) for e in bus.events.values()] == [BEGAN]


def test_slots_are_used_again_and_a_full_file_takes_no_more(tmp_path: Path) -> None:
    with Journal(tmp_path, ManualClock(), slots=2) as journal:
        first = journal.enter(usage("req_1"))
        assert first is not None
        first.tell(9, 9, 9)
        second = journal.enter(usage("req_2"))
        assert second is not None
        assert journal.enter(usage("req_3")) is None
        journal.leave(first)
        assert journal.enter(usage("req_long", "m" * 600)) is None
        journal.enter(usage("req_4"))
        left = {found.request_id: found.output_tokens for _, _, found in journal.left()}
    # Nothing of who was there before.
    assert left == {"req_2": 0, "req_4": 0}
