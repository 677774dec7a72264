"""Accounts on a real database: what changes, what the log says of it, and what gateways hear."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from argosy.api import ids
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.kit.webhooks import Allowed, Caller
from argosy.registry.domain.accounts_audit import Actor, AuditFilter, AuditType
from argosy.registry.domain.accounts_budgets import SpendAlert
from argosy.registry.domain.keys import AdminRole, Key, digest
from argosy.registry.domain.limits import Priority
from argosy.registry.domain.prices import ModelPrice
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage import Usage
from argosy.registry.intake.catalog_file import CatalogFile
from argosy.registry.metrics import Metrics
from argosy.registry.store import accounts, usage_prices, webhooks
from argosy.registry.usecases.accounts import Projects, ServiceAccounts
from argosy.registry.usecases.accounts_audit import AuditLog
from argosy.registry.usecases.accounts_budgets import Money
from argosy.registry.usecases.accounts_desk import Desk
from argosy.registry.usecases.accounts_keys import Keys, NewKey
from argosy.registry.usecases.accounts_people import Invites, Users
from argosy.registry.usecases.accounts_spend import SpendWatch
from argosy.registry.usecases.ledger import Ledger
from argosy.registry.usecases.seed import Seed
from argosy.registry.usecases.watch import Feed, Update, Watch
from argosy.registry.usecases.webhooks import Webhooks
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_fleet import KEY, Fleet, fleet
from tests.harness.usage_ledger import event_of

PEPPER = b"a pepper only for tests"
OPERATOR = Actor("key_bootstrap")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


def hooks(database: Database, clock: ManualClock) -> Webhooks:
    """Return what calls users' URLs; nothing here does."""
    caller = Caller(Allowed(), timeout=1)
    return Webhooks(database, caller, clock, PEPPER, 1, Metrics(CollectorRegistry()))


@dataclass
class Office:
    """The use cases on one database, and a watch of what gateways are told."""

    database: Database
    clock: ManualClock
    desk: Desk
    watch: Watch

    def __post_init__(self) -> None:
        self.projects = Projects(self.desk)
        self.service_accounts = ServiceAccounts(self.desk)
        self.keys = Keys(self.desk, PEPPER)
        self.money = Money(self.desk, hooks(self.database, self.clock))
        self.log = AuditLog(self.desk)

    async def seed(self) -> None:
        await Seed(self.database, self.clock, PEPPER)(CatalogFile(), KEY)

    async def told(self) -> list[Update]:
        """Return the present state as a gateway would get it."""
        updates: list[Update] = []
        async for update in self.watch():
            if update.synced:
                return updates
            updates.append(update)
        raise AssertionError

    async def served_keys(self) -> set[str]:
        """Return the ids of the keys that gateways know."""
        entries = [update.entry for update in await self.told()]
        return {entry.id for entry in entries if isinstance(entry, Key)}

    async def logged(self) -> list[str]:
        entries, _ = await self.log.list("", "", 100, AuditFilter())
        return [entry.type for entry in entries]


@pytest.fixture
async def office(ships: Fleet) -> AsyncIterator[Office]:
    url = await ships.postgres.new_database(f"accounts_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
        metrics = Metrics(CollectorRegistry())
        feed = Feed(database, 0.05, metrics)
        running = asyncio.create_task(feed.run())
        office = Office(
            database, clock, Desk(database, feed, clock), Watch(database, feed, 1, metrics)
        )
        await office.seed()
        try:
            yield office
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_made_key_is_found_by_its_digest_and_named_by_its_ends(office: Office) -> None:
    made = await office.keys.create(OPERATOR, NewKey("proj_default", "first"))
    assert ids.is_key_secret(made.secret)
    key, project = await office.keys.find(digest(PEPPER, made.secret))
    assert key == made.record.key
    assert project is not None
    assert project.id == "proj_default"
    assert made.record.key.redacted == f"{made.secret[:14]}...{made.secret[-4:]}"
    assert made.record.user is not None
    assert made.record.user.email == "operator@localhost"
    with pytest.raises(NotFound):
        await office.keys.find(digest(b"another pepper, as long", made.secret))


async def test_a_restart_keeps_what_the_api_made_and_revokes(office: Office) -> None:
    made = await office.keys.create(OPERATOR, NewKey("proj_default", "stays"))
    admin = await office.keys.create(OPERATOR, NewKey("", "admin", admin_role=AdminRole.OWNER))
    await office.keys.delete(Actor(admin.record.key.id), "proj_default", "key_bootstrap")
    await office.seed()
    assert await office.served_keys() == {made.record.key.id, admin.record.key.id}


async def test_the_last_key_that_changes_accounts_stays(office: Office) -> None:
    with pytest.raises(Conflict) as refused:
        await office.keys.delete(OPERATOR, "proj_default", "key_bootstrap")
    assert refused.value.code == "last_admin_key"
    reader = NewKey("", "reader", admin_role=AdminRole.READER)
    await office.keys.create(OPERATOR, reader)
    with pytest.raises(Conflict):
        await office.keys.delete(OPERATOR, "proj_default", "key_bootstrap")


async def test_a_key_ends_by_itself(office: Office) -> None:
    asked = NewKey("proj_default", "short", expires_in_seconds=60)
    made = await office.keys.create(OPERATOR, asked)
    key_id = made.record.key.id
    assert await office.keys.expire() == 0
    office.clock.advance(59)
    assert await office.keys.expire() == 0
    office.clock.advance(1)
    with pytest.raises(Conflict) as refused:
        await office.keys.update(OPERATOR, "proj_default", key_id, 600)
    assert refused.value.code == "key_expired"
    assert await office.keys.expire() == 1
    assert key_id not in await office.served_keys()
    entries, _ = await office.log.list("", "", 1, AuditFilter())
    assert (entries[0].type, entries[0].resource_id) == ("api_key.deleted", key_id)
    assert entries[0].actor_key_id == ""
    with pytest.raises(RuleBroken):
        await office.keys.create(OPERATOR, NewKey("proj_default", "x", expires_in_seconds=59))


async def test_a_service_account_without_access_opens_nothing_until_it_gets_a_role(
    office: Office,
) -> None:
    account = await office.service_accounts.create(
        OPERATOR, "proj_default", "later", without_access=True
    )
    asked = NewKey("proj_default", "k", service_account_id=account.id)
    made = await office.keys.create(OPERATOR, asked)
    key_id = made.record.key.id
    assert key_id not in await office.served_keys()
    with pytest.raises(NotFound):
        await office.keys.find(digest(PEPPER, made.secret))
    await office.service_accounts.update(OPERATOR, "proj_default", account.id, None, "member")
    assert key_id in await office.served_keys()


async def test_an_archived_project_is_served_no_more(office: Office) -> None:
    project = await office.projects.create(OPERATOR, "Short")
    made = await office.keys.create(OPERATOR, NewKey(project.id, "k"))
    assert made.record.key.id in await office.served_keys()
    await office.projects.archive(OPERATOR, project.id)
    told = [update.entry for update in await office.told()]
    assert project.id not in {getattr(entry, "id", "") for entry in told}
    assert made.record.key.id not in await office.served_keys()
    with pytest.raises(Conflict):
        await office.keys.create(OPERATOR, NewKey(project.id, "late"))


async def test_a_change_and_its_entry_are_one(office: Office) -> None:
    before = await office.logged()

    async def doomed() -> None:
        async with office.desk.change(OPERATOR) as work:
            await accounts.rename_project(work.connection, "proj_default", "Doomed")
            work.note(AuditType.PROJECT_UPDATED, "proj_default", "proj_default")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await doomed()
    assert await office.logged() == before
    assert (await office.projects.get("proj_default")).name == "Default"
    await office.projects.create(OPERATOR, "Logged")
    assert await office.logged() == ["project.created", *before]


async def test_a_watcher_hears_of_each_change(office: Office) -> None:
    updates = office.watch()
    async for update in updates:
        if update.synced:
            break
    made = await office.keys.create(OPERATOR, NewKey("proj_default", "heard"))
    async with asyncio.timeout(10):
        heard = await anext(updates)
        assert heard.entry == made.record.key
        await office.keys.delete(OPERATOR, "proj_default", made.record.key.id)
        while (gone := await anext(updates)).removal is None:
            pass
    assert gone.removal.id == made.record.key.id


async def test_an_invitation_ends_after_seven_days(office: Office) -> None:
    invites, users = Invites(office.desk), Users(office.desk)
    _, token = await invites.create(OPERATOR, "late@ship.example", "reader", [])
    office.clock.advance(7 * 86_400)
    with pytest.raises(NotFound):
        await invites.accept(token, "Late")
    _, token = await invites.create(OPERATOR, "late@ship.example", "reader", [])
    office.clock.advance(7 * 86_400 - 1)
    user = await invites.accept(token, "In time")
    assert (await users.get(user.id)).name == "In time"


@pytest.mark.parametrize(
    "asked", [NewKey("", "neither"), NewKey("p", "b", admin_role=AdminRole.OWNER)]
)
async def test_a_key_is_a_projects_or_the_admin_apis(office: Office, asked: NewKey) -> None:
    with pytest.raises(InvalidRequest):
        await office.keys.create(OPERATOR, asked)


def use(number: int, project: str, when: datetime, output_tokens: int) -> Usage:
    return Usage(
        id=f"evt_{number}", occurred_at=when, project_id=project, key_id="k", user_id="",
        model="m", request_id=f"req_{number}", operation="chat", outcome="ok", batch=False,
        input_tokens=0, output_tokens=output_tokens, cached_input_tokens=0, training_tokens=0,
        estimated=False, duration_ms=1, first_token_ms=1,
    )  # fmt: skip


async def exhausted(office: Office) -> set[str]:
    """Return the ids of the projects that gateways refuse for their money."""
    entries = [update.entry for update in await office.told()]
    return {
        entry.id
        for entry in entries
        if getattr(getattr(entry, "budget", None), "spend_exhausted", 0)
    }


async def test_a_months_money_is_enforced_and_the_next_month_begins_anew(office: Office) -> None:
    office.clock = ManualClock(datetime(2026, 3, 31, 23, 0, tzinfo=UTC))
    metrics = Metrics(CollectorRegistry())
    desk = Desk(office.database, Feed(office.database, 1, metrics), office.clock)
    watch = SpendWatch(desk, "eur")
    money = Money(desk, hooks(office.database, office.clock))
    other = await office.projects.create(OPERATOR, "Other")
    async with office.database.begin() as connection:
        # One unit of money for a million tokens of output.
        price = ModelPrice("m", datetime(2026, 1, 1, tzinfo=UTC).date(), 0, 0, 1_000_000, 0)
        await usage_prices.replace(connection, [price], [])
    book = Ledger(office.database, metrics)
    now = office.clock.now()
    spent = [
        use(1, "proj_default", now - 40 * DAY, 50_000_000),
        use(2, "proj_default", now - DAY, 999_999),
        use(3, other.id, now - DAY, 700_000),
    ]
    await book.record([event_of(each) for each in spent])
    await money.set_limit(OPERATOR, "proj_default", 100)
    assert await watch.look() == 0
    assert await exhausted(office) == set()

    await book.record([event_of(use(4, "proj_default", now, 1))])
    assert await watch.look() == 1
    assert await exhausted(office) == {"proj_default"}
    limit = await money.limit("proj_default")
    assert limit is not None
    assert limit.enforcing
    assert await watch.look() == 0

    await money.set_limit(OPERATOR, "", 170)
    assert await watch.look() == 1
    assert await exhausted(office) == {"proj_default", other.id}
    await money.set_limit(OPERATOR, "", 171)
    assert await watch.look() == 0
    assert await exhausted(office) == {"proj_default"}

    office.clock.advance(3600)
    assert await watch.look() == 1
    assert await exhausted(office) == set()


async def test_an_alert_is_told_once_a_month_and_again_when_it_is_changed(office: Office) -> None:
    office.clock = ManualClock(datetime(2026, 3, 31, 12, 0, tzinfo=UTC))
    metrics = Metrics(CollectorRegistry())
    desk = Desk(office.database, Feed(office.database, 1, metrics), office.clock)
    watch, money = SpendWatch(desk, "eur"), Money(desk, hooks(office.database, office.clock))
    async with office.database.begin() as connection:
        price = ModelPrice("m", datetime(2026, 1, 1, tzinfo=UTC).date(), 0, 0, 1_000_000, 0)
        await usage_prices.replace(connection, [price], [])
    alert = await money.create_alert(
        OPERATOR,
        SpendAlert("", "proj_default", 100, ("a@ship.example",), "", "https://ship.example/hook"),
    )
    silent = await money.create_alert(OPERATOR, SpendAlert("", "", 50, ("a@ship.example",), "", ""))
    assert await watch.look() == 0
    book = Ledger(office.database, metrics)
    await book.record([event_of(use(1, "proj_default", office.clock.now(), 1_230_000))])
    assert await watch.look() == 2
    assert await watch.look() == 0, "once a month"

    async def messages() -> list[dict[str, Any]]:
        async with office.database.begin() as connection:
            taken = await webhooks.take(connection, office.clock.now(), DAY, 10)
        return [json.loads(message.body) for message in taken]

    (told,) = await messages()
    assert told["type"] == "project.spend_alert.reached"
    assert told["data"] == {
        "id": alert.id, "project_id": "proj_default", "interval": "month", "month": "2026-03",
        "currency": "eur", "threshold_amount": 100, "spent_amount": 123,
    }  # fmt: skip
    assert (await money.alert("", silent.id)).reached_at == office.clock.now()
    await money.update_alert(OPERATOR, replace(alert, threshold=120))
    assert await watch.look() == 1
    assert [each["data"]["threshold_amount"] for each in await messages()] == [120]
    office.clock.advance(86_400)
    assert await watch.look() == 0, "a new month has cost nothing yet"
    await book.record([event_of(use(2, "proj_default", office.clock.now(), 1_230_000))])
    assert await watch.look() == 2


async def test_the_audit_log_tells_whence_a_change_came(office: Office) -> None:
    actor = Actor("key_bootstrap", "192.0.2.7", "OpenAI/Python 3.54")
    await office.projects.create(actor, "Harbour")
    entries, _ = await office.log.list("", "", 1, AuditFilter())
    assert (entries[0].actor_ip_address, entries[0].actor_user_agent) == (
        "192.0.2.7",
        "OpenAI/Python 3.54",
    )


async def test_a_task_key_works_is_not_listed_and_ends(office: Office) -> None:
    await office.seed()
    made = await office.keys.mint("proj_default", "drafts of dtask_1", 60)
    found, project = await office.keys.find(digest(PEPPER, made.secret))
    assert (found.id, found.priority) == (made.record.key.id, Priority.BATCH)
    assert project is not None
    assert project.id == "proj_default"
    listed, _ = await office.keys.list("proj_default", "", 0, ascending=True)
    assert found.id not in {record.key.id for record in listed}
    with pytest.raises(InvalidRequest, match="ttl_seconds"):
        await office.keys.mint("proj_default", "for ever", 30 * 86_400)
    with pytest.raises(NotFound):
        await office.keys.mint("proj_none", "nobody's", 60)
    office.clock.advance(61)
    assert await office.keys.expire() == 1
    with pytest.raises(NotFound):
        await office.keys.find(digest(PEPPER, made.secret))


async def test_nul_and_lookalikes_are_refused(office: Office) -> None:
    for name in ("a\0b", "a\u202eb", "\u2028", "x" * 129, " "):
        with pytest.raises(RuleBroken):
            await office.projects.create(OPERATOR, name)
    async with office.database.begin() as connection:
        count = await connection.scalar(sa.text("SELECT count(*) FROM registry.project"))
    assert count == 1
