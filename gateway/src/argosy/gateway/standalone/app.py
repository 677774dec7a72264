"""The composition root of a gateway that runs alone: one worker, fed from a file."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.router import router_application
from argosy.gateway.lane.rooms import Recorder
from argosy.gateway.plane import build_plane, serve_lane
from argosy.gateway.standalone.judged import ConfigError, Judged
from argosy.gateway.standalone.models import CatalogModels
from argosy.gateway.standalone.usage_log import NoUsageLog, UsageLog
from argosy.kit.lifecycle import Runtime

if TYPE_CHECKING:
    from argosy.gateway.settings import TrafficSettings

_log = logging.getLogger(__name__)


def worker(
    judged: Judged, again: Callable[[], Judged], pepper: bytes, *, one_of_many: bool
) -> Callable[[Runtime[TrafficSettings]], Awaitable[None]]:
    """Return the composition of one worker that serves what the file said when it was judged.

    SIGHUP has it judged `again`: pools, models, routes, keys and limits change while requests go
    on. What is in `[gateway]` is fixed at the start. A file with a mistake changes nothing.
    """

    async def compose(runtime: Runtime[TrafficSettings]) -> None:
        catalog = Catalog()
        wrong_keys = WrongKeys(runtime.clock.monotonic, runtime.settings.wrong_keys_per_minute)
        authenticator = Authenticator(catalog, pepper, lambda: True, wrong_keys)
        plane = build_plane(runtime, catalog)
        catalog.replace(judged.entries())
        await plane.fleet.probe_once()
        models = CatalogModels(catalog)
        settings = runtime.settings
        ordinary = router_application(
            models,
            plane.states,
            plane.dispatcher,
            BodyReader(limit=settings.max_body_bytes, timeout=settings.body_timeout_seconds),
            authenticator,
            clock=runtime.clock,
            metrics=runtime.metrics,
        )
        meter: Recorder = NoUsageLog()
        if judged.usage_log is not None:
            log = UsageLog(judged.usage_log, runtime.clock)
            meter = runtime.resources.enter_context(log)
        await serve_lane(
            runtime,
            plane,
            ordinary,
            authenticator=authenticator,
            models=models,
            meter=meter,
            pepper=pepper,
            shared_port=one_of_many,
        )
        changed = asyncio.Event()
        runtime.background(_follow(changed, again, catalog), "configuration")
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, changed.set)
        runtime.resources.callback(loop.remove_signal_handler, signal.SIGHUP)

    return compose


async def _follow(changed: asyncio.Event, again: Callable[[], Judged], catalog: Catalog) -> None:
    while True:
        await changed.wait()
        changed.clear()
        try:
            judged = await asyncio.to_thread(again)
        except ConfigError as error:
            _log.error("the configuration stays as it was: %s", error)
            continue
        catalog.replace(judged.entries())
        _log.info("configuration read again")
