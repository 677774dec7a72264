"""The watch on the catalogue: complete states, changes, breaks, silence, and late names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1 import registry_pb2_grpc
from argosy.gateway.upstream.model_lookup import ModelLookup
from argosy.gateway.upstream.snapshot import SnapshotWatch
from argosy.kit.clock import ManualClock, SystemClock
from argosy.kit.errors import NotFound, Unavailable
from prometheus_client import CollectorRegistry


class Registry(registry_pb2_grpc.CatalogServiceServicer):
    """Sends each stream what the test puts into `entries`; None ends the stream."""

    def __init__(self) -> None:
        self.entries: asyncio.Queue[pb.WatchResponse | None] = asyncio.Queue()
        self.opened: asyncio.Queue[None] = asyncio.Queue()

    async def Watch(self, request: Any, context: Any) -> Any:
        self.opened.put_nowait(None)
        while (entry := await self.entries.get()) is not None:
            yield entry

    def say(self, *entries: pb.WatchResponse | None) -> None:
        for entry in entries:
            self.entries.put_nowait(entry)

    async def stream(self) -> None:
        """Wait for the next stream to open."""
        await asyncio.wait_for(self.opened.get(), 5)

    async def GetModel(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    async def DeleteModel(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    async def PublishAdapter(self, request_iterator: Any, context: Any) -> Any:
        raise NotImplementedError


class Memory:
    """Remembers the names of models, as the catalogue does."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.history: list[set[str]] = []
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def replace(self, entries: Sequence[pb.WatchResponse]) -> None:
        self.names = {entry.model.id for entry in entries}
        self._tell()

    def apply(self, entry: pb.WatchResponse) -> None:
        if entry.HasField("removal"):
            self.names.discard(entry.removal.id)
        else:
            self.names.add(entry.model.id)
        self._tell()

    async def becomes(self, *names: str) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: self.names == set(names)), 5)

    def _tell(self) -> None:
        self.history.append(set(self.names))

        async def notify() -> None:
            async with self.changed:
                self.changed.notify_all()

        task = asyncio.create_task(notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def a_model(name: str) -> pb.WatchResponse:
    return pb.WatchResponse(model=pb.Model(id=name))


def a_removal(name: str) -> pb.WatchResponse:
    return pb.WatchResponse(removal=pb.Removal(kind=pb.ENTRY_KIND_MODEL, id=name))


SYNCED = pb.WatchResponse(synced=True)


@contextlib.asynccontextmanager
async def watching(registry: Registry, **options: Any) -> AsyncIterator[tuple[SnapshotWatch, Any]]:
    server = grpc.aio.server()
    registry_pb2_grpc.add_CatalogServiceServicer_to_server(registry, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    memory = Memory()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = SnapshotWatch(
            channel, memory, clock=SystemClock(), metrics=CollectorRegistry(), **options
        )
        running = asyncio.create_task(watch.run())
        try:
            yield watch, memory
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await server.stop(0)


async def test_nothing_is_taken_over_before_the_state_is_complete() -> None:
    registry = Registry()
    async with watching(registry) as (watch, memory):
        registry.say(a_model("a"), a_model("b"))
        assert await watch.ready() is not None
        assert (memory.names, watch.degraded, watch.staleness) == (set(), True, -1.0)
        registry.say(SYNCED)
        await memory.becomes("a", "b")
        assert await watch.ready() is None
        assert not watch.degraded
        registry.say(a_model("c"), a_removal("a"))
        await memory.becomes("b", "c")


async def test_a_break_keeps_the_state_and_the_next_one_replaces_it_whole() -> None:
    registry = Registry()
    async with watching(registry) as (watch, memory):
        await registry.stream()
        registry.say(a_model("a"), a_model("b"), SYNCED)
        await memory.becomes("a", "b")
        registry.say(None, a_model("b"), a_model("c"))
        await registry.stream()
        assert memory.names == {"a", "b"}
        assert watch.degraded
        assert await watch.ready() is None
        registry.say(SYNCED)
        await memory.becomes("b", "c")
        assert memory.history == [{"a", "b"}, {"b", "c"}]
        assert not watch.degraded


async def test_silence_ends_the_stream_and_heartbeats_keep_it() -> None:
    registry = Registry()
    async with watching(registry, silence=0.4) as (watch, memory):
        await registry.stream()
        registry.say(a_model("a"), SYNCED)
        await memory.becomes("a")
        for _ in range(6):
            await asyncio.sleep(0.1)
            registry.say(pb.WatchResponse(heartbeat=True))
        assert registry.opened.empty()
        await registry.stream()
        assert watch.degraded
        assert watch.staleness > 0.3


class Source:
    """Answers look-ups from a dict, when the test lets it."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.asked: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False

    async def get(self, project_id: str, model_id: str) -> pb.GetModelResponse:
        self.asked.append((project_id, model_id))
        found = model_id in self.names
        await self.gate.wait()
        if self.down:
            raise Unavailable("The registry service does not answer right now.")
        if not found:
            raise NotFound("No such model.")
        return pb.GetModelResponse(model=pb.Model(id=model_id))


async def test_many_askers_share_one_answer() -> None:
    source, learned = Source("m"), list[str]()
    lookup = ModelLookup(source, lambda model, revision: learned.append(model.id), ManualClock())
    source.gate.clear()
    asking = [asyncio.create_task(lookup.find("p", "m")) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    source.gate.set()
    answers = await asyncio.gather(*asking[1:])
    assert {model.id for model in answers} == {"m"}
    assert (source.asked, learned) == ([("p", "m")], ["m"])


async def test_an_unknown_name_is_not_asked_for_again_within_a_second() -> None:
    source, clock = Source(), ManualClock()
    lookup = ModelLookup(source, lambda model, revision: None, clock)
    for _ in range(3):
        with pytest.raises(NotFound, match="`m` does not exist"):
            await lookup.find("p", "m")
    assert len(source.asked) == 1
    with pytest.raises(NotFound):
        await lookup.find("q", "m")
    assert source.asked[1:] == [("q", "m")]
    clock.advance(1.1)
    source.names.add("m")
    assert (await lookup.find("p", "m")).id == "m"


async def test_a_registry_that_is_gone_is_no_reason_to_say_unknown() -> None:
    source = Source("m")
    source.down = True
    lookup = ModelLookup(source, lambda model, revision: None, ManualClock())
    with pytest.raises(Unavailable):
        await lookup.find("p", "m")
    source.down = False
    assert (await lookup.find("p", "m")).id == "m"


async def test_a_late_answer_does_not_bring_a_deleted_model_back() -> None:
    source, learned = Source("m"), list[str]()
    lookup = ModelLookup(source, lambda model, revision: learned.append(model.id), ManualClock())
    source.gate.clear()
    asking = asyncio.create_task(lookup.find("p", "m"))
    await asyncio.sleep(0)
    lookup.deleted("m")
    source.gate.set()
    with pytest.raises(NotFound):
        await asking
    assert learned == []


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 300, "a b", "../x", "a\nb"])
async def test_an_impossible_name_asks_nobody(name: str) -> None:
    source = Source()
    with pytest.raises(NotFound):
        await ModelLookup(source, lambda model, revision: None, ManualClock()).find("p", name)
    assert source.asked == []


async def test_the_memory_of_unknown_names_is_bounded() -> None:
    source = Source()
    lookup = ModelLookup(source, lambda model, revision: None, ManualClock())
    for number in range(5000):
        with pytest.raises(NotFound):
            await lookup.find("p", f"m{number}")
    assert len(lookup._absent._until) <= 4096
