"""Under a flood, new requests line up behind the next look at the sockets, in their order."""

from __future__ import annotations

import asyncio

from argosy.gateway.lane.turn import Turn


class Request:
    def __init__(self, number: int, begun: list[int]) -> None:
        self._number = number
        self._begun = begun

    def begin(self) -> None:
        self._begun.append(self._number)


class StandingLoop:
    """A loop whose turns a test ends by hand."""

    def __init__(self) -> None:
        self.now = 1.0
        self.soon: list[tuple[object, ...]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, *call: object) -> None:
        self.soon.append(call)

    def next(self) -> None:
        self.now += 0.001
        calls, self.soon = self.soon, []
        for call, *arguments in calls:
            assert callable(call)
            call(*arguments)


def arrive(turn: Turn, loop: StandingLoop, numbers: range, begun: list[int]) -> None:
    running: asyncio.AbstractEventLoop = loop  # type: ignore[assignment]
    for number in numbers:
        request = Request(number, begun)
        if turn.takes(request, running):
            request.begin()


def test_a_few_begin_at_once() -> None:
    turn, loop, begun = Turn(4), StandingLoop(), list[int]()
    for first in range(0, 40, 4):
        arrive(turn, loop, range(first, first + 4), begun)
        assert begun == list(range(first + 4))
        assert not loop.soon
        loop.next()


def test_many_begin_in_order_a_few_each_turn() -> None:
    turn, loop, begun = Turn(4), StandingLoop(), list[int]()
    arrive(turn, loop, range(10), begun)
    assert begun == [0, 1, 2, 3]
    loop.next()
    assert begun == list(range(8))
    # One that comes now does not overtake.
    arrive(turn, loop, range(10, 11), begun)
    assert begun == list(range(8))
    loop.next()
    assert begun == list(range(11))
    assert not loop.soon
