"""One trace goes from the request that creates a job through its run to the events of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import nats
import nats.errors
import pytest
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.api.trainer.v1 import trainer_pb2 as pb

from tests.harness.otlp import Receiver, receiving
from tests.harness.registry_client import PROJECT
from tests.harness.trainer_client import BASE, Tuner, eventually
from tests.harness.trainer_fleet import Yard, yard

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


async def test_the_run_and_its_events_belong_to_the_request(
    ships: Yard, receiver: Receiver
) -> None:
    trainer = await asyncio.to_thread(ships.trainer, env={"ARGOSY_OTLP_ENDPOINT": receiver.url})
    await asyncio.to_thread(trainer.start)
    async with Tuner(trainer) as tuner:
        request = pb.CreateJobRequest(
            project_id=PROJECT,
            organization_slug="argosy",
            model=BASE,
            training_file=await ships.upload(),
            parameters=pb.SupervisedParameters(max_steps=2),
        )
        parent = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
        made = (await tuner.stub.CreateJob(request, metadata=parent, timeout=20)).job
        await tuner.succeeded(made.id)

    async def exported() -> bool:
        names = {span.name for span in receiver.trace(TRACE)}
        return {
            "argosy.api.trainer.v1.TuningService/CreateJob",
            "validate tuning job",
            "run tuning job",
        } <= names

    await eventually(exported, "the spans")
    assert await traces_of_events(ships, made.id) == {
        (subjects.JOB_CREATED, TRACE),
        (subjects.JOB_STATUS_CHANGED, TRACE),
        (subjects.CHECKPOINT_CREATED, TRACE),
        (subjects.USAGE_RECORDED, TRACE),
    }


async def traces_of_events(ships: Yard, job_id: str) -> set[tuple[str, str]]:
    """Return the type and the trace id of each event of a job in the stream."""
    client = await nats.connect(f"nats://127.0.0.1:{ships.ships.nats.port}")
    found = set()
    try:
        subscription = await client.jetstream().subscribe(subjects.ALL, ordered_consumer=True)
        while True:
            try:
                message = await subscription.next_msg(timeout=2)
            except nats.errors.TimeoutError:
                return found
            event = Event.FromString(message.data)
            payload = getattr(event, event.WhichOneof("payload") or "")
            owner = getattr(payload, "job_id", "") or getattr(payload, "request_id", "")
            if owner == job_id and event.type != subjects.MODEL_PUBLISHED:
                found.add((event.type, event.traceparent.split("-")[1]))
    finally:
        await client.close()
