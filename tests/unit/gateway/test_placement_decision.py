"""The decisions alone: time is a number, engines are strings."""

from __future__ import annotations

import pytest
from argosy.gateway.placement.decision import Decider
from argosy.gateway.placement.decision_choice import Rules
from argosy.gateway.placement.decision_costs import Costs
from argosy.gateway.placement.decision_model import Room, Ticket

AB = ("a", "b")


def make(room: Room, *engines: str, down: set[str] | None = None, **rules: float) -> Decider[str]:
    gone = down if down is not None else set()
    decider: Decider[str] = Decider(lambda name: name not in gone, rules=Rules(**rules))  # type: ignore[arg-type]
    for engine in engines or AB:
        decider.join(engine, room, engine)
    return decider


def brought(decider: Decider[str], name: str, allowed: tuple[str, ...] = AB) -> Ticket[str]:
    """Ask, and let the adapter arrive."""
    ticket = decider.ask(name, allowed, 0.0)
    decider.arrived(ticket, 0.0)
    return ticket


def test_an_adapter_in_a_slot_is_used_at_once_and_one_that_is_on_its_way_is_not() -> None:
    decider = make(Room(slots=2))
    first = decider.ask("x", AB, 0.0)
    assert first.source == "disk"
    assert decider.resident("x", AB, 0.0) is None
    decider.arrived(first, 0.1)
    again = decider.resident("x", AB, 0.2)
    assert again is not None
    assert (again.replica, again.source) == (first.replica, "slot")
    assert decider.resident("x", tuple({*AB} - {first.replica}), 0.2) is None
    assert decider.resident("y", AB, 0.2) is None


def test_slots_of_running_requests_are_kept_and_the_one_used_longest_ago_gives_way() -> None:
    decider = make(Room(slots=2, host=2), "a")
    running = brought(decider, "x", ("a",))
    idle = brought(decider, "y", ("a",))
    decider.finish(idle, 1.0)
    other = decider.ask("z", ("a",), 2.0)
    assert other.slot is not None
    site = decider.site("a")
    assert site is not None
    assert set(site.slots) == {"x", "z"}
    waiting = decider.ask("y", ("a",), 3.0)
    assert waiting.slot is None
    assert decider.finish(running, 4.0) == []  # z is still on its way: one load at a time
    assert decider.arrived(other, 5.0) == [waiting]
    assert waiting.source == "disk"
    assert decider.waiting == 0


def test_an_adapter_that_was_used_again_is_not_the_one_used_longest_ago() -> None:
    decider = make(Room(slots=2, host=4), "a")
    for name in ("x", "y"):
        decider.finish(brought(decider, name, ("a",)), 0.0)
    again = decider.resident("x", ("a",), 1.0)
    assert again is not None
    decider.finish(again, 2.0)
    decider.ask("z", ("a",), 3.0)
    site = decider.site("a")
    assert site is not None
    assert set(site.slots) == {"x", "z"}


def test_what_waits_for_one_adapter_goes_together_and_by_priority() -> None:
    decider = make(Room(slots=1, batch=2), "a", look=1e9)
    decider.retry(0.0)  # no second look may help
    holder = brought(decider, "x", ("a",))
    late = decider.ask("y", ("a",), 1.0)
    later = decider.ask("y", ("a",), 2.0)
    urgent = decider.ask("y", ("a",), 3.0, priority=1)
    assert decider.finish(holder, 4.0) == [urgent, late]
    assert later.slot is None
    decider.arrived(urgent, 4.1)
    assert decider.finish(urgent, 5.0) == [later]


def test_the_longest_waiting_adapter_gets_the_slot_but_a_higher_priority_before_it() -> None:
    decider = make(Room(slots=1), "a")
    holder = brought(decider, "x", ("a",))
    first = decider.ask("y", ("a",), 1.0)
    second = decider.ask("z", ("a",), 2.0)
    urgent = decider.ask("w", ("a",), 3.0, priority=5)
    order = []
    for _ in range(3):
        (next_one,) = decider.finish(holder, 10.0)
        order.append(next_one)
        decider.arrived(next_one, 10.0)
        holder = next_one
    assert order == [urgent, first, second]


def test_a_load_elsewhere_never_takes_the_place_of_a_resident_adapter_in_use() -> None:
    decider = make(Room(slots=1), "a")
    brought(decider, "x", ("a",))
    decider.ask("y", ("a",), 0.0)
    for at in range(5):
        ticket = decider.resident("x", ("a",), float(at))
        assert ticket is not None


def test_a_waiting_request_goes_where_a_slot_falls_free_first() -> None:
    decider = make(Room(slots=1))
    one, two = brought(decider, "x"), brought(decider, "y")
    assert {one.replica, two.replica} == {"a", "b"}
    waiting = decider.ask("z", AB, 1.0)
    assert waiting.slot is None
    assert decider.finish(two, 2.0) == [waiting]
    assert waiting.replica == two.replica


def test_host_memory_is_waited_for_as_long_as_the_disk_would_take() -> None:
    decider = make(Room(slots=1, host=4))
    first = brought(decider, "x")
    home = first.replica
    decider.finish(first, 0.0)
    blocker = decider.ask("y", (home,), 1.0)
    decider.arrived(blocker, 1.0)
    waiting = decider.ask("x", AB, 2.0)
    assert waiting.slot is None, "the other engine has a free slot, but not the adapter"
    assert decider.retry(2.1) == []
    assert decider.retry(2.0 + Costs().disk) == [waiting]
    assert (waiting.source, waiting.replica == home) == ("disk", False)
    back = decider.ask("w", AB, 5.0)
    assert back.slot is None or back.replica != home


def test_of_two_idle_adapters_the_less_asked_for_is_given_up() -> None:
    decider = make(Room(slots=1, host=4))
    hot = brought(decider, "hot")
    cold = brought(decider, "cold")
    decider.finish(hot, 0.0)
    decider.finish(cold, 0.0)
    for at in range(1, 20):
        again = decider.resident("hot", AB, at / 10)
        assert again is not None
        decider.finish(again, at / 10)
    new = decider.ask("new", AB, 3.0)
    assert new.replica == cold.replica


def test_a_pinned_adapter_is_given_up_last() -> None:
    decider = make(Room(slots=1, host=4))
    pinned, other = brought(decider, "pinned"), brought(decider, "other")
    decider.keep("pinned", 1)
    decider.finish(pinned, 0.0)
    decider.finish(other, 0.0)
    for at in range(1, 20):
        again = decider.resident("other", AB, at / 10)
        assert again is not None
        decider.finish(again, at / 10)
    assert decider.ask("new", AB, 3.0).replica == other.replica


def test_a_hot_adapter_is_spread_and_what_is_left_is_for_others() -> None:
    decider = make(Room(slots=4, host=8, batch=16), "a", "b", "c", "d")
    engines = ("a", "b", "c", "d")
    used = set()
    for number in range(40):
        ticket = decider.ask("hot", engines, number / 100)
        decider.arrived(ticket, number / 100)
        used.add(ticket.replica)
    assert len(used) >= 2
    alone = make(Room(slots=4, host=8, batch=16), *engines)
    for number in range(4):
        brought(alone, "cool", engines)
        assert number < 4
    assert len(alone._adapter("cool").slots) == 1


def test_no_copy_of_an_adapter_takes_the_slots_that_are_kept_for_the_tail() -> None:
    decider = make(Room(slots=1, batch=64), reserve=0.5, spread=0)
    free = make(Room(slots=1, batch=64), reserve=0.0, spread=0)
    for number in range(62):
        for pool in (decider, free):
            ticket = pool.ask("hot", AB, number / 100)
            pool.arrived(ticket, number / 100)
    assert len(free._adapter("hot").slots) == 2
    assert len(decider._adapter("hot").slots) == 1


def test_whoever_waits_too_long_has_a_slot_closed_that_never_pauses() -> None:
    decider = make(Room(slots=1), "a", patience=1.0)
    busy = [brought(decider, "busy", ("a",)) for _ in range(2)]
    waiting = decider.ask("tail", ("a",), 0.0)
    decider.finish(busy[0], 2.0)  # too late now: the slot is closed
    assert decider.resident("busy", ("a",), 2.1) is None
    newcomer = decider.ask("busy", ("a",), 2.2)
    assert newcomer.slot is None
    assert decider.finish(busy[1], 3.0) == [waiting]
    decider.arrived(waiting, 3.1)
    assert decider.finish(waiting, 4.0) == [newcomer]


def test_a_closed_slot_that_nobody_could_take_is_open_again() -> None:
    decider = make(Room(slots=2), "a", patience=1.0)
    busy = brought(decider, "busy", ("a",))
    decider.ask("loading", ("a",), 0.0)
    decider.ask("tail", ("a",), 0.0)
    decider.retry(2.0)
    assert decider.resident("busy", ("a",), 2.1) is None
    assert decider.finish(busy, 3.0) == []  # one load at a time: the tail cannot go yet
    assert decider.resident("busy", ("a",), 3.1) is not None


def test_refusals_are_asked_again_after_a_growing_while() -> None:
    decider = make(Room(slots=1), "a")
    for at, pause in ((0.0, 1.0), (10.0, 2.0), (20.0, 4.0)):
        ticket = decider.ask("x", ("a",), at)
        decider.refused("a", "x", at)
        decider.refused("a", "x", at)  # told twice, counted once
        decider.finish(ticket, at)
        assert not decider.willing("a", "x", at + pause - 0.01)
        assert decider.willing("a", "x", at + pause)
    assert decider.willing("a", "y", 20.0)


def test_an_engine_that_is_gone_gets_nothing_and_gives_back_what_it_had() -> None:
    down: set[str] = set()
    decider = make(Room(slots=1), down=down)
    one, two = brought(decider, "x"), brought(decider, "y")
    waiting = decider.ask("z", AB, 1.0)
    decider.leave(one.replica)
    assert decider.finish(one, 2.0) == []
    down.add(two.replica)
    assert decider.finish(two, 3.0) == []
    down.clear()
    assert decider.retry(4.0) == [waiting]
    assert waiting.replica == two.replica
    assert decider.finish(waiting, 5.0) == []
    assert decider._choice.in_flight == 0


def test_slots_that_another_gateway_uses_are_left_alone() -> None:
    decider = make(Room(slots=1), "a")
    decider.observe("a", {"theirs"})
    waiting = decider.ask("ours", ("a",), 0.0)
    assert waiting.slot is None
    decider.observe("a", set())
    assert decider.retry(1.0) == [waiting]


def test_gateways_that_do_not_talk_bring_an_adapter_to_the_same_engine() -> None:
    engines = tuple(f"engine-{number}" for number in range(8))
    chosen = set()
    for order in (engines, engines[::-1]):
        decider = make(Room(slots=8), *order)
        places = []
        for name in ("x", "y", "z"):
            ticket = decider.ask(name, engines, 0.0)
            places.append(ticket.replica)
            decider.arrived(ticket, 0.0)
            decider.finish(ticket, 0.0)
        chosen.add(tuple(places))
    assert len(chosen) == 1


def test_without_known_slots_everything_fits_and_nothing_waits() -> None:
    decider = make(Room(), "a")
    for number in range(50):
        ticket = decider.ask(f"adapter {number}", ("a",), 0.0)
        assert ticket.slot is not None
        decider.arrived(ticket, 0.0)


def test_publishing_brings_an_adapter_only_into_room_that_nobody_needs() -> None:
    decider = make(Room(slots=2))
    (ticket,) = decider.spread("new", 1, 0.0, displace=False)
    decider.arrived(ticket, 0.1)
    decider.finish(ticket, 0.1)
    assert decider.resident("new", AB, 0.2) is not None
    assert decider.spread("new", 1, 0.3, displace=False) == []
    assert len(decider.spread("new", 2, 0.3, displace=False)) == 1
    full = make(Room(slots=1), "a")
    brought(full, "x", ("a",))
    full.ask("y", ("a",), 0.0)
    assert full.spread("new", 1, 0.0, displace=True) == []
    needed = make(Room(slots=1))
    brought(needed, "x", ("a",))
    needed.ask("y", ("a",), 0.0)
    assert needed.spread("new", 1, 0.0, displace=True) == [], "b is empty, but somebody waits"


def test_only_a_pinned_adapter_takes_the_place_of_an_idle_one() -> None:
    decider = make(Room(slots=1), "a")
    decider.finish(brought(decider, "idle", ("a",)), 0.0)
    assert decider.spread("published", 1, 1.0, displace=False) == []
    assert len(decider.spread("pinned", 1, 1.0, displace=True)) == 1


def test_a_client_that_leaves_the_queue_leaves_nothing() -> None:
    decider = make(Room(slots=1), "a")
    holder = brought(decider, "x", ("a",))
    waiting = decider.ask("y", ("a",), 1.0)
    decider.finish(waiting, 2.0)
    assert decider.waiting == 0
    assert decider.finish(holder, 3.0) == []


@pytest.mark.parametrize("slots", [2, 3])
def test_an_engine_that_turns_out_smaller_or_larger_is_believed(slots: int) -> None:
    decider = make(Room(slots=0), "a")
    for name in ("x", "y", "z", "w"):
        decider.finish(brought(decider, name, ("a",)), 0.0)
    decider.join("a", Room(slots=slots), "a")
    site = decider.site("a")
    assert site is not None
    assert len(site.slots) == slots
