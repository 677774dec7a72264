"""The stand-in's room for adapters behaves as vLLM's: pinned while used, least recent out."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.fakes.lora_slots import Room, Slots


class Request:
    """One request that runs until `end`."""

    def __init__(self, slots: Slots, adapter: str) -> None:
        self.begun = asyncio.Event()
        self._may_end = asyncio.Event()
        self._task = asyncio.create_task(self._run(slots, adapter))

    async def _run(self, slots: Slots, adapter: str) -> None:
        async with slots.running_with(adapter):
            self.begun.set()
            await self._may_end.wait()

    async def end(self) -> None:
        self._may_end.set()
        await self._task

    async def abort(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_adapter_in_use_keeps_its_slot_and_the_next_is_stepped_over() -> None:
    slots = Slots(Room(max_loras=1))
    first = Request(slots, "a")
    await first.begun.wait()
    other, same, base = Request(slots, "b"), Request(slots, "a"), Request(slots, "")
    await settle()
    assert (other.begun.is_set(), same.begun.is_set(), base.begun.is_set()) == (False, True, True)
    assert (slots.running, slots.waiting) == (3, 1)
    assert slots.adapters_of(waiting=False) == ["a"]
    assert slots.adapters_of(waiting=True) == ["b"]
    await first.end()
    await same.end()
    await other.begun.wait()
    assert slots.adapters == ["b"]
    await other.end()
    await base.end()
    assert (slots.running, slots.waiting) == (0, 0)


async def test_the_one_used_longest_ago_goes() -> None:
    slots = Slots(Room(max_loras=2))
    for name in ("a", "b", "a", "c"):
        request = Request(slots, name)
        await request.begun.wait()
        await request.end()
    assert slots.adapters == ["a", "c"]
    assert slots.activations == {"a": 1, "b": 1, "c": 1}


async def test_a_batch_is_bounded_and_an_aborted_request_frees_its_place() -> None:
    slots = Slots(Room(max_num_seqs=1))
    first = Request(slots, "a")
    await first.begun.wait()
    second, third = Request(slots, "a"), Request(slots, "a")
    await settle()
    await second.abort()
    await first.abort()
    await third.begun.wait()
    await third.end()
    assert (slots.running, slots.waiting) == (0, 0)


@pytest.mark.parametrize(("cpu", "at_once"), [(2, True), (1, False)])
async def test_what_host_memory_kept_comes_back_at_once(cpu: int, at_once: bool) -> None:
    slots = Slots(Room(max_loras=1, max_cpu_loras=cpu, cold_ms=60_000, warm_ms=0))
    for name, begins in (("a", False), ("b", False), ("a", at_once)):
        request = Request(slots, name)
        await settle()
        assert request.begun.is_set() is begins
        await request.abort()
    assert slots.activations == {"a": 2, "b": 1}
