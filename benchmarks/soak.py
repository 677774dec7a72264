"""`make soak`: load whose clients hang up at random; memory and open files must not grow.

Load comes in pieces. Between two, when no request runs any more, the gateway's memory and files are
sampled: at rest they are comparable. Each piece also measures how soon the engine is told that a
client has left. Exits 1 on growth, on a wrong answer, or if an abandoned request stays with the
engine for more than a second.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.build import CACHE, BuildError
from benchmarks.client import Load, LoadError, Report
from benchmarks.growth import Growth, Sample, judge
from benchmarks.ready import KEY, NotReadyError
from benchmarks.site import Site, site
from benchmarks.targets import Argosy, Setup, argosy

_PIECES: Final = 30
_ABORT_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.01
_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.05


def main() -> int:
    """Run for the asked minutes; return the exit status."""
    options = _options()
    print(f"seed {options.seed}; {options.minutes:g} minutes", flush=True)
    try:
        with site(rivals=False) as place, argosy(place, Setup()) as target:
            rng = random.Random(options.seed)  # noqa: S311 - must be repeatable
            samples = _soak(place, target, options.minutes * 60, rng)
        growth = judge(samples)
    except (BuildError, LoadError, NotReadyError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.json.write_text(json.dumps([asdict(sample) for sample in samples], indent=1) + "\n")
    _print(growth)
    return 1 if growth.grows else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--json", type=Path, default=CACHE / "soak.json", help="all samples")
    return parser.parse_args()


def _loads(seconds: float, rng: random.Random) -> list[Load]:
    """Return the loads of one piece, which run at the same time."""
    return [
        Load("stream", 64, seconds, chunks=50, interval_ms=20, key=KEY, hangups=0.3,
             seed=rng.randrange(1 << 31)),
        Load("json", 64, seconds, chunks=1, interval_ms=20, key=KEY, hangups=0.1, rate=1000,
             seed=rng.randrange(1 << 31)),
    ]  # fmt: skip


def _soak(place: Site, target: Argosy, seconds: float, rng: random.Random) -> list[Sample]:
    samples: list[Sample] = []
    begun, requests = time.monotonic(), 0
    with ThreadPoolExecutor() as threads:
        while time.monotonic() - begun < seconds:
            loads = _loads(seconds / _PIECES, rng)
            reports = list(threads.map(lambda load: place.put(load, target.port), loads))
            for report in reports:
                report.check()
            waited = _wait_for_rest(place.engine_port)
            requests += sum(report.started for report in reports)
            samples.append(_sample(target, time.monotonic() - begun, requests))
            _print_piece(samples[-1], reports, waited)
    return samples


def _sample(target: Argosy, at: float, requests: int) -> Sample:
    files = target.child.open_files()
    # The clients are gone; the gateway has heard it when two looks agree.
    for _ in range(_LOOKS):
        time.sleep(_LOOK_SECONDS)
        before, files = files, target.child.open_files()
        if files == before:
            break
    return Sample(at, requests, sum(target.child.resident_bytes().values()), files)


def _wait_for_rest(engine_port: int) -> float:
    """Wait until the engine works on nothing; return how long that took. Raises LoadError."""
    begun = time.monotonic()
    while (active := _active(engine_port)) and time.monotonic() - begun < _ABORT_SECONDS:
        time.sleep(_POLL_SECONDS)
    if active:
        raise LoadError(f"{active} abandoned requests are with the engine after {_ABORT_SECONDS} s")
    return time.monotonic() - begun


def _active(engine_port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", engine_port, timeout=5)
    try:
        connection.request("GET", "/stats")
        return int(json.loads(connection.getresponse().read())["active"])
    finally:
        connection.close()


def _print_piece(sample: Sample, reports: list[Report], waited: float) -> None:
    left = sum(report.hangups for report in reports)
    print(
        f"{sample.at:6.0f} s  {sample.requests:9,} requests  {left:6,} hung up  "
        f"{sample.resident / 1e6:7.2f} MB  {sample.files:4} files  engine at rest "
        f"after {waited * 1000:.0f} ms",
        flush=True,
    )


def _print(growth: Growth) -> None:
    print(
        f"judged: {growth.seconds:.0f} s, {growth.requests:,} requests\n"
        f"memory: {growth.resident / 1e6:+.2f} MB (allowed {growth.resident_allowed / 1e6:.2f}), "
        f"{growth.resident / max(1, growth.requests):+.1f} bytes a request\n"
        f"open files: {growth.files:+.1f}, at least {growth.files_at_least:+.1f} "
        f"(allowed {growth.files_allowed:g})\n"
        f"{'GROWS' if growth.grows else 'does not grow'}"
    )


if __name__ == "__main__":
    sys.exit(main())
