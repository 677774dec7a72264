"""A process that counts in a shared limits file as a gateway does, and says what it was allowed.

Commands come as lines: `hammer N TOKENS` asks N times and gives nothing back, `hold` keeps one more
request under way, `release` ends one. Each is answered with one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from argosy.api.registry.v1.registry_pb2 import Limits as LimitsMessage
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.cells import Cells
from argosy.gateway.access.limits import Limits, Reservation
from argosy.gateway.served_model import ServedModel
from argosy.kit.clock import SystemClock
from argosy.kit.errors import RateLimited
from google.protobuf import json_format
from prometheus_client import CollectorRegistry


def main() -> None:
    path, limits = Path(sys.argv[1]), json_format.Parse(sys.argv[2], LimitsMessage())
    clock = SystemClock()
    desk = Limits(Cells(clock, path), lambda _: None, clock=clock, metrics=CollectorRegistry())
    caller = Caller("key_a", "proj_a", "org", key_limits=limits, project_limits=limits)
    held: list[Reservation] = []

    def ask(tokens: int) -> str:
        try:
            held.append(desk.reserve(caller, ServedModel(Model(id="m")), tokens))
        except RateLimited as error:
            return error.code or ""
        return "allowed"

    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "hammer":
            times, tokens = map(int, numbers)
            answers = [ask(tokens) for _ in range(times)]
            print(json.dumps(answers.count("allowed")), flush=True)
        elif command == "hold":
            print(json.dumps(ask(1)), flush=True)
        else:
            held.pop().settle(1, 0, 0)
            print(json.dumps("released"), flush=True)


if __name__ == "__main__":
    main()
