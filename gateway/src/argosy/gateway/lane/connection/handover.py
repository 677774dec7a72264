"""Gives a request that the lane has read, and does not answer, to the ASGI application.

Knows uvicorn's scope and cycle. Does not know why a request is handed over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.request.completion import PATHS
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from argosy.gateway.lane.connection.protocol import LaneProtocol


class HandOver(Exception):
    """The ordinary API answers this request."""


def ordinary_cycle(connection: LaneProtocol, inbound: Inbound) -> RequestResponseCycle:
    """Return the request as uvicorn would have made it, its body complete."""
    path = PATHS[inbound.operation]
    cycle = RequestResponseCycle(
        scope={
            "type": "http",
            "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": connection.scheme or "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": list(inbound.head.headers),
            "client": connection.client,
            "server": connection.server,
            "state": connection.app_state.copy(),
        },
        transport=connection.transport,
        flow=connection.flow,
        logger=connection.logger,
        access_logger=connection.access_logger,
        access_log=connection.access_log,
        default_headers=connection.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=inbound.keep_alive,
        on_response=connection.on_response_complete,
    )
    cycle.body = bytearray(inbound.body)
    cycle.more_body = False
    cycle.message_event.set()
    return cycle
