"""The composition root of a gateway that runs alone: one worker, fed from a file."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.router import router_application
from argosy.gateway.lane.rooms import Recorder
from argosy.gateway.plane import build_plane, serve_lane
from argosy.gateway.settings import TrafficSettings
from argosy.gateway.standalone.config import Config, ConfigError, read_config
from argosy.gateway.standalone.feed import entries
from argosy.gateway.standalone.models import CatalogModels
from argosy.gateway.standalone.usage_log import NoUsageLog, UsageLog
from argosy.kit.lifecycle import Runtime

_log = logging.getLogger(__name__)
_PEPPER_BYTES: Final = 32


def worker(
    path: Path, config: Config, *, one_of_many: bool
) -> Callable[[Runtime[TrafficSettings]], Awaitable[None]]:
    """Return the composition of one worker that serves what `config`, read from `path`, says.

    SIGHUP reads the file again: pools, models, routes, keys and limits change while requests go on.
    What is in `[gateway]` is fixed at the start. A file with a mistake changes nothing.
    """

    async def compose(runtime: Runtime[TrafficSettings]) -> None:
        # Keys are in the file, so a pepper that lives as long as the process is enough.
        pepper = secrets.token_bytes(_PEPPER_BYTES)
        catalog = Catalog()
        wrong_keys = WrongKeys(runtime.clock.monotonic, runtime.settings.wrong_keys_per_minute)
        authenticator = Authenticator(catalog, pepper, lambda: True, wrong_keys)
        plane = build_plane(runtime, catalog)
        catalog.replace(entries(config, pepper))
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
        if config.gateway.usage_log is not None:
            log = UsageLog(config.gateway.usage_log, runtime.clock)
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
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, _reload, path, catalog, pepper)
        runtime.resources.callback(loop.remove_signal_handler, signal.SIGHUP)

    return compose


def _reload(path: Path, catalog: Catalog, pepper: bytes) -> None:
    try:
        config = read_config(path)
    except ConfigError as error:
        _log.error("the configuration stays as it was: %s", error)
        return
    catalog.replace(entries(config, pepper))
    _log.info("configuration read again")
