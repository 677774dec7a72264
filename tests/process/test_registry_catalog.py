"""The catalogue through real registry processes: the watch, published models, seeding."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.kit.errors import ApiError, Conflict, InvalidRequest, NotFound, PermissionDenied
from argosy.registry.domain import keys

from tests.harness import adapters
from tests.harness.registry_client import Client
from tests.harness.registry_fleet import CATALOG, KEY, PEPPER, Fleet, Registry, fleet
from tests.harness.servers import wait_until

QUICK = {"ARGOSY_WATCH_HEARTBEAT_SECONDS": "0.3", "ARGOSY_WATCH_POLL_SECONDS": "0.1"}


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("catalog", env=QUICK)
    registry.start()
    return registry


@pytest.fixture(scope="module")
def replica(ships: Fleet, registry: Registry) -> Registry:
    replica = ships.registry("replica", like=registry, env=QUICK)
    replica.start()
    return replica


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        yield client


def tuned(unique: str) -> str:
    return f"ft:base-one:argosy:chart:{unique}"


async def test_a_watch_begins_with_all_that_exists(client: Client) -> None:
    watch = client.watch()
    await watch.until("synced")
    first = watch.kinds
    assert first.index("pool") < first.index("model") < first.index("key")
    assert set(watch.entries) >= {
        ("project", "proj_default"), ("project", "proj_other"), ("pool", "main"),
        ("model", "base-one"), ("model", "vectors"), ("key", "key_bootstrap"),
    }  # fmt: skip
    key = watch.entries["key", "key_bootstrap"]
    assert key.digest == keys.digest(PEPPER.encode(), KEY)
    assert key.project_id == "proj_default"
    assert watch.entries["project", "proj_default"].organization_slug == "argosy"
    pool = watch.entries["pool", "main"]
    assert (pool.engine, pool.engine_key) == ("vllm", "engine secret")
    base = watch.entries["model", "base-one"]
    assert (base.kind, base.servable, base.trainable) == (pb.MODEL_KIND_BASE, True, True)
    assert (base.pool, base.context_length, base.project_id) == ("main", 2048, "")
    assert base.modalities == ["image"]
    assert (await watch.next(seconds=2)).heartbeat
    watch.cancel()


async def test_a_published_model_is_callable_everywhere(
    registry: Registry, replica: Registry, client: Client
) -> None:
    model_id = tuned("publish1")
    async with Client(replica) as there:
        watches = [client.watch(), there.watch()]
        for watch in watches:
            await watch.until("synced")
        model = await client.publish(model_id, rank=4)
        assert await there.model(model_id) == model
        for watch in watches:
            assert (await watch.until("model")).model == model
        assert (model.kind, model.base) == (pb.MODEL_KIND_TUNED, "base-one")
        assert (model.servable, model.trainable, model.pool) == (True, False, "main")
        assert (model.context_length, model.lora_rank) == (2048, 4)
        assert model.modalities == ["image"]
        assert (model.job_id, model.step, model.owned_by) == ("ftjob-1", 10, "argosy")
        folder = Path(model.adapter_path)
        assert folder.is_relative_to(registry.blob_root)
        assert model_id.split(":")[-1] not in str(folder)
        assert _files(folder) == {
            "adapter_config.json": adapters.config(),
            "adapter_model.safetensors": adapters.weights(),
        }
        await there.delete_model(model_id)
        for watch in watches:
            removal = (await watch.until("removal")).removal
            assert (removal.kind, removal.id) == (pb.ENTRY_KIND_MODEL, model_id)
            watch.cancel()
        assert not _files(folder)
        with pytest.raises(NotFound, match="does not exist or you do not have access"):
            await client.model(model_id)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.exists() else {}


async def test_a_checkpoint_is_a_model_of_its_own(client: Client) -> None:
    model_id = tuned("ckpt0001")
    checkpoint = model_id + ":ckpt-step-10"
    await client.publish(checkpoint, kind=pb.MODEL_KIND_CHECKPOINT)
    await client.publish(model_id)
    await client.delete_model(model_id)
    assert (await client.model(checkpoint)).kind == pb.MODEL_KIND_CHECKPOINT
    await client.delete_model(checkpoint)


async def test_a_repeat_answers_the_first_publish(registry: Registry, client: Client) -> None:
    model_id = tuned("repeat01")
    first = await client.publish(model_id)
    again = await client.publish(
        model_id,
        ("adapter_config.json", adapters.config(r=8)),
        ("adapter_model.safetensors", adapters.weights(8)),
    )
    assert again == first
    with pytest.raises(Conflict, match="another job"):
        await client.publish(model_id, job="ftjob-2")
    results = await asyncio.gather(*(client.publish(tuned("racing01")) for _ in range(6)))
    assert len({r.adapter_path for r in results}) == 1
    assert len([p for p in registry.stored() if p.startswith("adapters/")]) == 4
    for one in (model_id, tuned("racing01")):
        await client.delete_model(one)
    assert not [p for p in registry.stored() if p.startswith("adapters/")]


async def test_what_a_user_deleted_stays_deleted(registry: Registry, client: Client) -> None:
    model_id = tuned("deleted1")
    await client.publish(model_id)
    await client.delete_model(model_id)
    assert not (await client.publish(model_id)).servable
    with pytest.raises(NotFound):
        await client.model(model_id)
    with pytest.raises(NotFound):
        await client.delete_model(model_id)
    assert registry.stored() == []


async def test_walls_between_projects_and_shared_models(client: Client) -> None:
    model_id = tuned("walls001")
    await client.publish(model_id)

    async def message(name: str, verb: str) -> str:
        with pytest.raises(NotFound) as caught:
            await getattr(client, verb)(name, project="proj_other")
        return caught.value.message.replace(name, "NAME")

    for verb in ("model", "delete_model"):
        assert await message(model_id, verb) == await message(tuned("unknown1"), verb)
    assert (await client.model("base-one", project="proj_other")).id == "base-one"
    for shared in ("base-one", "vectors"):
        with pytest.raises(PermissionDenied, match="cannot be deleted"):
            await client.delete_model(shared)
    await client.delete_model(model_id)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base": "base-two"}, "model.base"),
        ({"project": "proj_unknown"}, "project"),
        ({"kind": pb.MODEL_KIND_CHECKPOINT}, "checkpoint"),
        ({"kind": pb.MODEL_KIND_BASE}, "Only tuned"),
        ({"kind": pb.MODEL_KIND_UNSPECIFIED}, "model.kind"),
        ({"job": ""}, "job_id"),
        ({"rank": 8}, "lora_rank"),
    ],
)
async def test_lineage_is_checked(
    registry: Registry, client: Client, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        await client.publish(tuned("lineage1"), **changes)  # type: ignore[arg-type]
    assert registry.stored() == []


async def test_an_unknown_base_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="not a base model"):
        await client.publish("ft:base-two:argosy::abcd1234", base="base-two")
    with pytest.raises(InvalidRequest, match="not a base model"):
        await client.publish("ft:vectors:argosy::abcd1234", base="vectors")


async def test_no_change_is_missed_however_many_commit_together(
    registry: Registry, replica: Registry, client: Client
) -> None:
    async with Client(replica) as there:
        watches = [client.watch(), there.watch()]
        for watch in watches:
            await watch.until("synced")
        names = [tuned(f"many{n:04}") for n in range(40)]
        await asyncio.gather(
            *((client, there)[n % 2].publish(name) for n, name in enumerate(names))
        )
        await asyncio.gather(
            *((client, there)[n % 2].delete_model(m) for n, m in enumerate(names[:20]))
        )
        wanted = {("model", name) for name in names[20:]}
        for watch in watches:
            async with asyncio.timeout(20):
                while {e for e in watch.entries if "many" in e[1]} != wanted:
                    await watch.next()
            watch.cancel()
        for name in names[20:]:
            await client.delete_model(name)


async def test_a_restart_notes_only_what_differs(ships: Fleet) -> None:
    def restart(text: str) -> None:
        registry.stop()
        registry.catalog_file.write_text(text)
        registry.start()

    async def state() -> tuple[int, dict[tuple[str, str], object]]:
        async with Client(registry) as client:
            watch = client.watch()
            await watch.until("synced")
            return watch.revision, watch.entries

    registry = await asyncio.to_thread(ships.registry, "restarts", env=QUICK)
    await asyncio.to_thread(registry.start)
    async with Client(registry) as client:
        await client.publish(tuned("restart1"))
    revision, before = await state()
    await asyncio.to_thread(restart, CATALOG)
    assert await state() == (revision, before)

    moved = CATALOG.replace("127.0.0.1:41000", "127.0.0.1:42000")
    await asyncio.to_thread(restart, moved)
    later, entries = await state()
    assert later == revision + 1
    assert entries["pool", "main"].replicas == ["http://127.0.0.1:42000"]  # type: ignore[attr-defined]

    # Without the base, what was tuned from it stays and cannot be called.
    await asyncio.to_thread(restart, CATALOG.replace('"base-one"', '"base-two"'))
    later, entries = await state()
    # The pool is back where it was, one base came and one went, and the adapter changed with it.
    assert later == revision + 5
    assert ("model", "base-one") not in entries
    orphan = entries["model", tuned("restart1")]
    assert (orphan.servable, orphan.pool, orphan.base) == (False, "", "base-one")  # type: ignore[attr-defined]
    await asyncio.to_thread(restart, CATALOG)
    assert (await state())[1]["model", tuned("restart1")] == before["model", tuned("restart1")]

    # A new bootstrap key replaces the old one; a key of the file comes and goes with it.
    registry.env["ARGOSY_BOOTSTRAP_KEY"] = "sk-another-0123456789"
    named = '\n[[key]]\nid = "key_ci"\nproject_id = "proj_other"\nsecret = "sk-ci-0123456789ab"\n'
    await asyncio.to_thread(restart, CATALOG + named)
    entries = (await state())[1]
    pepper = PEPPER.encode()
    assert {k.digest for k in entries.values() if isinstance(k, pb.Key)} == {
        keys.digest(pepper, "sk-another-0123456789"),
        keys.digest(pepper, "sk-ci-0123456789ab"),
    }
    await asyncio.to_thread(restart, CATALOG)
    assert [e for e in (await state())[1] if e[0] == "key"] == [("key", "key_bootstrap")]
    registry.stop()


async def test_two_registries_that_start_together_agree(ships: Fleet) -> None:
    first = await asyncio.to_thread(ships.registry, "together", env=QUICK)
    second = await asyncio.to_thread(ships.registry, "together2", like=first, env=QUICK)
    first.spawn()
    second.spawn()
    for one in (first, second):
        await asyncio.to_thread(wait_until, lambda one=one: one.readiness() == {}, "start", 30)
        async with Client(one) as client:
            watch = client.watch()
            await watch.until("synced")
            assert len(watch.entries) == 6
            assert watch.revision == 6
    assert first.stop() == 0
    assert second.stop() == 0


def test_the_database_holds_no_secret(ships: Fleet, registry: Registry) -> None:
    dump = subprocess.run(
        ships.postgres.tool("pg_dump", registry.env["ARGOSY_DATABASE_URL"]),
        check=True, capture_output=True, timeout=60,
    ).stdout.decode()  # fmt: skip
    assert "key_bootstrap" in dump
    for secret in (KEY, PEPPER, "engine secret"):
        assert secret not in dump


@pytest.mark.parametrize("failpoint", ["registry.adapter.rename", "registry.adapter.before_commit"])
async def test_a_crash_while_publishing_leaves_no_model_and_the_repeat_works(
    ships: Fleet, failpoint: str
) -> None:
    registry = await asyncio.to_thread(
        ships.registry,
        failpoint.replace(".", "_"),
        env={**QUICK, "ARGOSY_ORPHAN_GRACE_SECONDS": "0"},
    )
    await asyncio.to_thread(registry.start, ARGOSY_FAILPOINTS=f"{failpoint}=exit")
    async with Client(registry) as client:
        with pytest.raises(ApiError):
            await client.publish(tuned("crash001"))
    assert await asyncio.to_thread(registry.wait_exit) == 70
    await asyncio.to_thread(registry.start)
    await asyncio.to_thread(wait_until, lambda: registry.stored() == [], "the collection")
    async with Client(registry) as client:
        with pytest.raises(NotFound):
            await client.model(tuned("crash001"))
        model = await client.publish(tuned("crash001"))
        assert len(_files(Path(model.adapter_path))) == 2
    registry.stop()
