"""Seeded traces: who asks for which adapter, when, for how long. Knows no engine and no policy.

`load` is the mean share of the scarcer resource that the requests would hold if each ran the moment
it came: either places in batches, or slots, each held while at least one request of its adapter
runs, which is 1 - exp(-rate x seconds) of the time (M/G/infinity).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from benchmarks.placement.speed import Speed

# Tokens of a mean request.
PROMPT: Final = 400
OUTPUT: Final = 120
# Share of requests that are taken to bring their adapter from the disk, for the load's sake.
LOADED: Final = 0.1


class Request:
    """One request of a trace; `first_at` is when its first token came."""

    __slots__ = ("adapter", "arrival", "first_at", "number", "output", "prompt")

    def __init__(self, number: int, arrival: float, adapter: int, prompt: int, output: int) -> None:
        self.number = number
        self.arrival = arrival
        self.adapter = adapter
        self.prompt = prompt
        self.output = output
        self.first_at: float | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a trace is like. Times in seconds."""

    name: str
    adapters: int = 500
    replicas: int = 16
    exponent: float = 1.0
    load: float = 0.7
    requests: int = 12000
    # Share of requests that belong to bursts of one adapter, and how long a burst lasts.
    bursts: float = 0.0
    burst_seconds: float = 10.0
    # Share of the adapters that is replaced by new ones over the trace.
    churn: float = 0.0
    # Replicas that are away for the middle third.
    lost: int = 0
    # The load swings between (1 - swing) and (1 + swing) of its mean.
    swing: float = 0.0


@dataclass(slots=True)
class Trace:
    """Requests in order of arrival, and what else happens: (time, what, which)."""

    shape: Shape
    seed: int
    requests: list[Request]
    events: list[tuple[float, str, int]] = field(default_factory=list)


def popularity(shape: Shape) -> list[float]:
    """Return the Zipf shares of ranks 1 to `adapters`."""
    weights = [rank**-shape.exponent for rank in range(1, shape.adapters + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def residence(per_engine: float, speed: Speed) -> float:
    """Return the seconds that a mean request runs at this many requests a second on each engine.

    A step waits for new prompts and for loads as well, which take their share of the engine's time;
    infinite if the engine cannot keep up.
    """
    stalls = per_engine * (PROMPT * speed.per_token + LOADED * speed.disk_load)
    # running = per_engine x seconds, and seconds = OUTPUT x step_seconds(running) / (1 - stalls)
    slope = per_engine * OUTPUT * speed.per_sequence
    if stalls + slope >= 1:
        return math.inf
    return OUTPUT * speed.step / (1 - stalls - slope)


def arrival_rate(shape: Shape, speed: Speed) -> float:
    """Return the requests per second that give the shape's load."""
    shares = popularity(shape)

    def load(rate: float) -> float:
        seconds = residence(rate / shape.replicas, speed)
        if seconds == math.inf:
            return math.inf
        held = sum(-math.expm1(-rate * share * seconds) for share in shares)
        running = rate * seconds / shape.replicas
        return max(held / (shape.replicas * speed.slots), running / speed.batch)

    busy = OUTPUT * speed.per_sequence + PROMPT * speed.per_token + LOADED * speed.disk_load
    low, high = 0.0, shape.replicas / busy
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if load(middle) < shape.load else (low, middle)
    return low


def make(shape: Shape, seed: int, speed: Speed) -> Trace:
    """Draw a trace; the same shape and seed give the same one."""
    rng = random.Random(f"{shape.name}/{seed}")  # noqa: S311 - a simulation
    rate = arrival_rate(shape, speed)
    seconds = shape.requests / rate
    order = list(range(shape.adapters))
    rng.shuffle(order)
    heap = list(accumulate(popularity(shape)))
    events: list[tuple[float, str, int]] = []
    arrivals = _arrivals(shape, rate, rng)
    births = _births(shape, seconds, rng)
    born = shape.adapters
    burst, burst_end = 0, 0.0
    firsts: list[tuple[float, int]] = []
    requests: list[Request] = []
    for number in range(shape.requests):
        now = next(arrivals)
        while births and births[0][0] <= now:
            at, rank = births.pop(0)
            order[rank] = born
            # Who publishes an adapter tries it a moment later.
            events.append((at, "publish", born))
            firsts.append((at + rng.uniform(0.5, 3.0), born))
            born += 1
        if now >= burst_end:
            burst, burst_end = rng.choice(order), now + rng.expovariate(1 / shape.burst_seconds)
        if firsts and min(firsts)[0] <= now:
            firsts.remove(first := min(firsts))
            requests.append(_request(rng, number, now, first[1]))
            continue
        in_burst = rng.random() < shape.bursts
        adapter = burst if in_burst else rng.choices(order, cum_weights=heap)[0]
        requests.append(_request(rng, number, now, adapter))
    end = requests[-1].arrival
    for index in range(shape.lost):
        events += [(end / 3, "down", index), (end * 2 / 3, "up", index)]
    return Trace(shape, seed, requests, sorted(events))


def _request(rng: random.Random, number: int, now: float, adapter: int) -> Request:
    prompt = max(8, round(rng.lognormvariate(math.log(PROMPT) - 0.32, 0.8)))
    output = max(1, round(rng.expovariate(1 / OUTPUT)))
    return Request(number, now, adapter, min(prompt, 4096), min(output, 1000))


def _arrivals(shape: Shape, rate: float, rng: random.Random) -> Iterator[float]:
    """Yield Poisson times; a swinging rate has two periods over the trace."""
    now, period = 0.0, shape.requests / rate / 2
    top = rate * (1 + shape.swing)
    while True:
        now += rng.expovariate(top)
        here = rate * (1 - shape.swing * math.cos(2 * math.pi * now / period))
        if rng.random() * top <= here:
            yield now


def _births(shape: Shape, seconds: float, rng: random.Random) -> list[tuple[float, int]]:
    count = round(shape.churn * shape.adapters)
    return sorted((rng.uniform(0, seconds), rng.randrange(shape.adapters)) for _ in range(count))


SHAPES: Final = (
    Shape("steady-1.0", exponent=1.0, replicas=16, adapters=500, load=0.7),
    Shape("flat-0.6", exponent=0.6, replicas=8, adapters=200, load=0.6),
    Shape("skewed-1.3", exponent=1.3, replicas=16, adapters=1000, load=0.9),
    Shape("bursts", exponent=0.9, replicas=8, adapters=300, load=0.6, bursts=0.3),
    Shape("churn", exponent=1.0, replicas=16, adapters=500, load=0.6, churn=1.0),
    Shape("loss", exponent=1.0, replicas=16, adapters=500, load=0.6, lost=3),
    Shape("diurnal", exponent=0.9, replicas=32, adapters=800, load=0.6, swing=0.5),
    Shape("small-low", exponent=1.0, replicas=4, adapters=200, load=0.3),
    Shape("large", exponent=0.8, replicas=64, adapters=1000, load=0.8),
)


def shortened(shape: Shape, requests: int) -> Shape:
    """Return the shape with fewer requests."""
    return replace(shape, requests=requests)
