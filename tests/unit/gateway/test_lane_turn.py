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
        self.soon: list[tuple[object, ...]] = []

    def call_soon(self, *call: object) -> None:
        self.soon.append(call)

    def next(self) -> None:
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


def test_a_few_begin_at_once_and_the_next_one_after_a_look_at_the_sockets() -> None:
    turn, loop, begun = Turn(4), StandingLoop(), list[int]()
    arrive(turn, loop, range(4), begun)
    assert begun == list(range(4))
    arrive(turn, loop, range(4, 5), begun)
    assert begun == list(range(4))
    loop.next()
    assert begun == list(range(5))
    # Three more and it were four again.
    arrive(turn, loop, range(5, 8), begun)
    assert begun == list(range(8))
    assert not loop.soon


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
