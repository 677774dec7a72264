"""Sets and shows what a project may use: rates a model, models, money; and who is told of money."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from argosy.api import ids
from argosy.kit.errors import NotFound
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.accounts_budgets import (
    RATE_LIMIT,
    AccessMode,
    ModelAccess,
    ModelLimit,
    SpendAlert,
    SpendLimit,
    check_access,
    check_alert,
    check_rate,
    check_threshold,
)
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.store import accounts_budgets, adapters, catalog, permissions
from argosy.registry.usecases.accounts_desk import (
    Desk,
    Work,
    known,
    open_project_in,
    page_of,
    project_in,
)
from argosy.registry.usecases.webhooks import Webhooks
from sqlalchemy.ext.asyncio import AsyncConnection

_EVERY_MODEL: Final = ModelAccess(AccessMode.DENY_LIST, ())


class ModelRules:
    """The use cases of rate limits and of which models a project may name."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def limits(
        self, project_id: str, after: str, limit: int
    ) -> tuple[list[ModelLimit], bool]:
        """Return a page of the project's limits, one for each model that it could name."""
        wanted = page_of(after, limit)
        async with self._desk.look() as connection:
            await project_in(connection, project_id)
            found = await self._limits(connection, project_id)
        names = sorted(found)
        start = 0
        if wanted.after:
            last = wanted.after.removeprefix(RATE_LIMIT)
            if last not in found:
                raise NotFound(f"No such rate limit: {wanted.after[:128]}", param="after")
            start = names.index(last) + 1
        page = names[start : start + wanted.limit]
        return [found[name] for name in page], start + wanted.limit < len(names)

    async def set_limit(
        self,
        actor: Actor,
        project_id: str,
        rate_limit_id: str,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
    ) -> ModelLimit:
        """Change what is given of a model's limit; raises NotFound, Conflict, RuleBroken."""
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            found = await self._limits(work.connection, project_id)
            before = found.get(rate_limit_id.removeprefix(RATE_LIMIT))
            value = known(before, "rate limit", rate_limit_id, param="rate_limit_id")
            asked: dict[str, object] = {}
            if requests_per_minute is not None:
                asked["max_requests_per_1_minute"] = requests_per_minute
                rate = check_rate(requests_per_minute, "max_requests_per_1_minute")
                value = replace(value, requests_per_minute=rate)
            if tokens_per_minute is not None:
                asked["max_tokens_per_1_minute"] = tokens_per_minute
                rate = check_rate(tokens_per_minute, "max_tokens_per_1_minute")
                value = replace(value, tokens_per_minute=rate)
            await accounts_budgets.put_model_limit(work.connection, project_id, value)
            work.tell(EntryKind.PROJECT, project_id)
            work.note(
                AuditType.RATE_LIMIT_UPDATED, RATE_LIMIT + value.model_id, project_id, **asked
            )
        return value

    async def access(self, project_id: str) -> ModelAccess:
        """Return which models a project may name; raises NotFound."""
        async with self._desk.look() as connection:
            await project_in(connection, project_id)
            return await accounts_budgets.access_of(connection, project_id) or _EVERY_MODEL

    async def set_access(
        self, actor: Actor, project_id: str, access: ModelAccess | None
    ) -> ModelAccess:
        """Replace which models a project may name; raises NotFound, Conflict, RuleBroken."""
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            if access is not None:
                access = check_access(access.mode, access.model_ids)
            await accounts_budgets.put_access(work.connection, project_id, access)
            work.tell(EntryKind.PROJECT, project_id)
            work.note(AuditType.PROJECT_UPDATED, project_id, project_id)
        return access or _EVERY_MODEL

    async def _limits(self, connection: AsyncConnection, project_id: str) -> dict[str, ModelLimit]:
        shared = [model.id for model in await catalog.base_models(connection)]
        tuned = await adapters.ids_of_project(connection, project_id)
        granted = await permissions.models_of(connection, project_id)
        without = {name: ModelLimit(name) for name in (*shared, *tuned, *granted)}
        return without | await accounts_budgets.model_limits(connection, project_id)


class Money:
    """The use cases of limits and alerts of money. An empty `scope` is the organization."""

    def __init__(self, desk: Desk, webhooks: Webhooks) -> None:
        self._desk = desk
        self._webhooks = webhooks

    async def limit(self, scope: str) -> SpendLimit | None:
        """Return the scope's limit, None if there is none; raises NotFound for the project."""
        async with self._desk.look() as connection:
            if scope:
                await project_in(connection, scope)
            return await accounts_budgets.limit_of(connection, scope)

    async def set_limit(self, actor: Actor, scope: str, threshold: int) -> SpendLimit | None:
        """Replace the scope's limit, or remove it with a `threshold` of 0.

        It is not enforced until the next look at what was spent. Raises NotFound, Conflict,
        RuleBroken.
        """
        value = SpendLimit(check_threshold(threshold)) if threshold else None
        async with self._desk.change(actor) as work:
            if scope:
                await open_project_in(work.connection, scope)
            before = await accounts_budgets.limit_of(work.connection, scope)
            if value is None:
                await accounts_budgets.delete_limit(work.connection, scope)
            else:
                await accounts_budgets.put_limit(work.connection, scope, value)
            if before is not None and before.enforcing:
                await tell_scope(work, scope)
            self._note(work, scope)
        return value

    async def create_alert(self, actor: Actor, alert: SpendAlert) -> SpendAlert:
        """Make an alert; raises NotFound, Conflict, RuleBroken."""
        return await self._put(actor, replace(alert, id=ids.new_id(ids.SPEND_ALERT)), new=True)

    async def update_alert(self, actor: Actor, alert: SpendAlert) -> SpendAlert:
        """Replace an alert; raises NotFound, Conflict, RuleBroken."""
        return await self._put(actor, alert, new=False)

    def secret_of(self, alert: SpendAlert) -> str:
        """Return what signs the alert's messages, empty where it calls nobody."""
        return self._webhooks.secret(alert.id) if alert.webhook_url else ""

    async def alert(self, scope: str, alert_id: str) -> SpendAlert:
        """Return the scope's alert; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_budgets.find_alert(connection, scope, alert_id)
        return known(found, "spend alert", alert_id, param="alert_id")

    async def alerts(
        self, scope: str, after: str, limit: int, *, ascending: bool
    ) -> tuple[list[SpendAlert], bool]:
        """Return a page of the scope's alerts; raises NotFound."""
        async with self._desk.look() as connection:
            if scope:
                await project_in(connection, scope)
            page = page_of(after, limit, ascending=ascending)
            found = await accounts_budgets.alerts(connection, scope, page)
        return known(found, "spend alert", after, param="after")

    async def delete_alert(self, actor: Actor, scope: str, alert_id: str) -> None:
        """Remove an alert; raises NotFound."""
        async with self._desk.change(actor) as work:
            found = await accounts_budgets.find_alert(work.connection, scope, alert_id)
            known(found, "spend alert", alert_id, param="alert_id")
            await accounts_budgets.delete_alert(work.connection, alert_id)
            self._note(work, scope)

    async def _put(self, actor: Actor, alert: SpendAlert, *, new: bool) -> SpendAlert:
        value = check_alert(alert)
        if value.webhook_url:
            self._webhooks.check(value.webhook_url, param="argosy.webhook_url")
        async with self._desk.change(actor) as work:
            if value.scope:
                await open_project_in(work.connection, value.scope)
            if not new:
                found = await accounts_budgets.find_alert(work.connection, value.scope, value.id)
                known(found, "spend alert", value.id, param="alert_id")
            await accounts_budgets.put_alert(work.connection, value)
            self._note(work, value.scope)
        return value

    @staticmethod
    def _note(work: Work, scope: str) -> None:
        kind = AuditType.PROJECT_UPDATED if scope else AuditType.ORGANIZATION_UPDATED
        work.note(kind, scope or "organization", scope)


async def tell_scope(work: Work, scope: str) -> None:
    """Let watchers hear that what a scope may spend has changed."""
    if scope:
        work.tell(EntryKind.PROJECT, scope)
    else:
        work.tell(EntryKind.PROJECT, *(p.id for p in await catalog.projects(work.connection)))
