"""The fleet's supervisor: starts the members in order, keeps them up, stops them in order.

Knows the order and the one state that everybody reads. Does not know what a member runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import groupby

from argosy.cli.errors import StartupFailed
from argosy.cli.fleet import leftovers
from argosy.cli.fleet.home import Home, read_json, write_private
from argosy.cli.fleet.leftovers import Recorded
from argosy.cli.fleet.member import Member, restart_delays
from argosy.cli.fleet.options import FleetOptions
from argosy.cli.fleet.plan import FleetPlan, MemberPlan, build
from argosy.cli.fleet.state import FleetState, Phase, from_json
from argosy.kit.processes import start_time

Observer = Callable[[FleetState], None]


class Fleet:
    """The members of one plan. `run` lives as long as the fleet."""

    def __init__(
        self,
        plan: FleetPlan,
        observer: Observer = lambda _: None,
        delays: Callable[[], Iterator[float]] = restart_delays,
    ) -> None:
        self.plan = plan
        self.ready = asyncio.Event()
        self._observer = observer
        self._members = {m.name: Member(m, self._changed, delays) for m in plan.members}
        self._groups: set[Recorded] = set()
        self._phase = Phase.STARTING
        self._failure: StartupFailed | None = None
        self._started_at = time.time()
        self._pid = os.getpid()
        self._writing: asyncio.Handle | None = None

    def state(self) -> FleetState:
        """Return where every member stands now."""
        return FleetState(
            phase=self._phase,
            pid=self._pid,
            start_ticks=start_time(self._pid),
            boot=leftovers.boot_id(),
            base_url=self.plan.base_url,
            model=self.plan.model,
            started_at=self._started_at,
            members=tuple(m.state for m in self._members.values()),
            failed=self._failure.process if self._failure else None,
            reason=self._failure.reason if self._failure else None,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Run the fleet until `stopping` is set, then until every process has ended.

        Raises `StartupFailed`, after the stop, if a member did not come up.
        """
        tasks = {
            name: asyncio.create_task(member.run(self._needs(member.plan)), name=name)
            for name, member in self._members.items()
        }
        everyone = asyncio.create_task(self._all_ready())
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({stop, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            everyone.cancel()
            stop.cancel()
            await self._stop(tasks)
            self.plan.claim.close()
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End every process at once, without grace."""
        for member in self._members.values():
            member.kill()

    def _needs(self, plan: MemberPlan) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            for name in plan.after:
                await self._members[name].once_ready.wait()

        return wait

    async def _all_ready(self) -> None:
        for member in self._members.values():
            await member.once_ready.wait()
        self._enter(Phase.READY)
        self.ready.set()

    async def _stop(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        self._failure = next(
            (
                error
                for task in tasks.values()
                if task.done()
                and not task.cancelled()
                and isinstance(error := task.exception(), StartupFailed)
            ),
            None,
        )
        self._enter(Phase.STOPPING)
        falling = sorted(self._members.values(), key=lambda m: -m.plan.role.layer)
        for _, layer in groupby(falling, key=lambda m: m.plan.role.layer):
            members = list(layer)
            for member in members:
                member.stop()
            await asyncio.gather(*(tasks[m.plan.name] for m in members), return_exceptions=True)
        await asyncio.to_thread(leftovers.end, self.plan.home.root, self._groups)
        self._enter(Phase.FAILED if self._failure else Phase.STOPPED)
        self._write()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._changed()

    def _changed(self) -> None:
        """Write the state down soon; several changes at once are one."""
        for member in self._members.values():
            if member.state.pid is not None and member.state.start_ticks is not None:
                self._groups.add(Recorded(member.state.pid, member.state.start_ticks))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        state = self.state()
        with contextlib.suppress(FileNotFoundError):
            # Somebody removed the home; the processes are still ours to stop.
            write_private(self.plan.home.state_file, json.dumps(state.as_json(), indent=1) + "\n")
        self._observer(state)


@contextlib.contextmanager
def claimed(home: Home) -> Iterator[None]:
    """Hold the home, after ending what an earlier supervisor left behind. Raises `HomeInUse`."""
    with home.lock():
        leftovers.end(home.root, recorded(home))
        yield


def recorded(home: Home) -> list[Recorded]:
    """Return the processes in the home's state that may still live: those of this boot."""
    state = from_json(read_json(home.state_file) or {})
    if state is None or state.boot != leftovers.boot_id():
        return []
    return [
        Recorded(m.pid, m.start_ticks)
        for m in state.members
        if m.pid is not None and m.start_ticks is not None
    ]


async def supervise(
    home: Home,
    options: FleetOptions,
    *,
    stopping: asyncio.Event,
    on_fleet: Callable[[Fleet], None],
    observer: Observer,
) -> None:
    """Run a fleet in `home` until `stopping` is set. Raises `FleetError`."""
    with claimed(home):
        fleet = Fleet(build(home, options), observer)
        on_fleet(fleet)
        await fleet.run(stopping)
