"""How much a key and its project may use: reserved by an estimate, settled by what was used.

Knows callers, prices and the order of counting: a request is counted where every process of the
machine sees it before it is judged, so that two never both allow the last one. All is synchronous
and takes the same time however much traffic there is. Does not know what a refusal says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NoReturn

from argosy.api.registry.v1.registry_pb2 import Limits as LimitsMessage
from argosy.gateway.access import windows
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.cells import Cells
from argosy.gateway.access.cells_file import CHANGES
from argosy.gateway.access.prices import cost_of, dearest
from argosy.gateway.access.refusals import (
    Headers,
    limit_headers,
    limit_lines,
    money_of_the_month,
    refusal,
)
from argosy.gateway.access.subjects import Limit, Subject
from argosy.gateway.served_model import ServedModel, Tariff
from argosy.kit.clock import Clock
from argosy.kit.errors import Unavailable
from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)

Prices = Callable[[ServedModel], Tariff | None]

# Callers whose subjects are remembered.
_CALLERS: Final = 1 << 16
# More than any request is; keeps sums within a word.
_MOST_TOKENS: Final = 1 << 32


class Reservation:
    """What one request may use. Ends once, by `settle` or `cancel`; later calls do nothing."""

    __slots__ = ("_cost", "_day", "_limits", "_price", "_second", "_subjects", "_tokens")

    def __init__(
        self,
        limits: Limits,
        subjects: tuple[Subject, ...],
        second: int,
        day: int,
        tokens: int,
        cost: int,
        price: Tariff | None,
    ) -> None:
        self._limits = limits
        self._subjects = subjects
        self._second = second
        self._day = day
        self._tokens = tokens
        self._cost = cost
        self._price = price

    def headers(self) -> Headers:
        """Return OpenAI's `x-ratelimit-*`, of the key or the project, whichever has less left.

        To be called before anything is awaited: they speak of the moment of the reservation.
        """
        return limit_headers(self._subjects) if self._subjects else []

    def lines(self) -> bytes:
        """Return `headers` as they are written."""
        return limit_lines(self._subjects)

    def settle(self, input_tokens: int, cached: int, output_tokens: int) -> None:
        """The request has ended and used this, by the engine's count; `cached` are of the input."""
        subjects, self._subjects = self._subjects, ()
        if not subjects:
            return
        tokens = min(input_tokens + output_tokens, _MOST_TOKENS) - self._tokens
        cost = cost_of(self._price, input_tokens, cached, output_tokens) - self._cost
        now = self._limits.monotonic()
        second, today = int(now), self._limits.day(now)
        for subject in subjects:
            if subject.concurrent:
                subject.leave()
            if tokens and subject.tokens:
                subject.correct_tokens(self._second, tokens, second)
            if subject.days:
                subject.correct_day(self._day, tokens, cost, today)

    def cancel(self) -> None:
        """The request never reached an engine: it counts nowhere."""
        subjects, self._subjects = self._subjects, ()
        for subject in subjects:
            subject.leave()
            subject.give_back(self._second, self._day, self._tokens, self._cost)


class _Account:
    """What limits a caller; `days` tells whether a day's limit is among it.

    All rows are bound while `epoch` is the cells'.
    """

    __slots__ = ("caller", "days", "epoch", "of_models", "subjects")

    def __init__(self, caller: Caller, subjects: tuple[Subject, ...]) -> None:
        self.caller = caller
        self.subjects = subjects
        self.days = any(subject.days for subject in subjects)
        self.epoch = -1
        # By the names that the project has limits for: the same with the model's.
        self.of_models: dict[str, _Account] = {}


class Limits:
    """The limits of all keys and projects. `prices` returns a model's price, None for none."""

    def __init__(
        self, cells: Cells, prices: Prices, *, clock: Clock, metrics: CollectorRegistry
    ) -> None:
        self._cells = cells
        self._prices = prices
        self.monotonic = clock.monotonic
        self.day = cells.day
        self._known: dict[str, _Account] = {}
        # Set when someone with a limit of a day comes who was not known.
        self.newcomer = asyncio.Event()
        self._unlimited = Reservation(self, (), 0, 0, 0, 0, None)
        refused = Counter(
            "argosy_gateway_limited_requests",
            "Requests refused for a limit of their key or project.",
            ["limit", "who"],
            registry=metrics,
        )
        self._refused = {
            (limit, who): refused.labels(limit.value, who)
            for limit in Limit
            for who in ("key", "project", "model")
        }

    def reserve(self, caller: Caller, model: ServedModel, tokens: int) -> Reservation:
        """Count a request that may use `tokens`, input and output together.

        Raises RateLimited or QuotaExceeded; they say which limit and when to try again. Raises
        Unavailable where nothing can be counted because the disk is full.
        """
        if caller.spend_exhausted:
            raise money_of_the_month()
        account = self._known.get(caller.key_id)
        if account is None or account.caller is not caller:
            account = self._learn(caller)
        if caller.model_limits:
            account = self._with_model(account, caller.model_limits, model)
        subjects, cells = account.subjects, self._cells
        if not subjects:
            return self._unlimited
        if cells.head[CHANGES] != cells.seen or account.epoch != cells.epoch:
            self._bind(account)
        now = self.monotonic()
        second, day, cost = int(now), 0, 0
        price: Tariff | None = None
        tokens = min(tokens, _MOST_TOKENS)
        if account.days:
            day = cells.day(now)
            price = self._prices(model)
            cost = dearest(price, tokens)
        for subject in subjects:
            subject.take(second, day, tokens, cost)
        reservation = Reservation(self, subjects, second, day, tokens, cost, price)
        if cells.head[CHANGES] != cells.seen:
            # A process that has joined since must be seen: it may have judged without our count.
            try:
                self._bind(account)
            except Unavailable:
                reservation.cancel()
                raise
        for subject in subjects:
            limit = subject.broken(second, day)
            if limit is not None and self._is_so(limit, subject, now, day):
                reservation.cancel()
                self._refuse(subject, limit, now, tokens, cost)
        return reservation

    def _is_so(self, limit: Limit, subject: Subject, now: float, day: int) -> bool:
        """Look again, without the requests of processes that are gone."""
        if limit is not Limit.CONCURRENT_REQUESTS or not self._cells.look_for_dead(now):
            return True
        self._cells.bind(subject.row)
        return subject.broken(int(now), day) is not None

    def _refuse(
        self, subject: Subject, limit: Limit, now: float, tokens: int, cost: int
    ) -> NoReturn:
        self._refused[limit, subject.who].inc()
        raise refusal(
            subject,
            limit,
            tokens=tokens,
            cost=cost,
            second=int(now),
            day=self._cells.day(now),
            to_midnight=self._cells.seconds_to_midnight(now),
        )

    def _learn(self, caller: Caller) -> _Account:
        found = [
            Subject(who, self._cells.row(f"{who} {name}"), limits)
            for who, name, limits in (
                ("key", caller.key_id, caller.key_limits),
                ("project", caller.project_id, caller.project_limits),
            )
            if limits is not None
        ]
        if len(self._known) >= _CALLERS:
            self._known.clear()
        account = _Account(caller, tuple(subject for subject in found if subject.any))
        self._known[caller.key_id] = account
        if account.days:
            self.newcomer.set()
        return account

    # What other machines have used of a day

    def limited_by_day(self) -> dict[str, set[str]]:
        """Return the ids of the keys and projects known here that have limits of a day."""
        found: dict[str, set[str]] = {"key": set(), "project": set()}
        for who, name, _ in self._with_days():
            found[who].add(name)
        return found

    def learn_day(self, day: int, used: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Learn the tokens and the cost of a day in all, by who and id; see `Subject.take`."""
        if day != self._cells.day(self.monotonic()):
            return
        if self._cells.head[CHANGES] != self._cells.seen:
            self._cells.refresh()
        for account in self._known.values():
            if account.days and account.epoch != self._cells.epoch:
                self._bind(account)
        for who, name, subject in self._with_days():
            if (who, name) in used:
                row = subject.row
                windows.learn_in_day(row.words, row.row, row.rows, day, *used[who, name])

    def _with_days(self) -> Iterator[tuple[str, str, Subject]]:
        for account in self._known.values():
            names = {"key": account.caller.key_id, "project": account.caller.project_id}
            for subject in account.subjects:
                if subject.days and subject.who in names:
                    yield subject.who, names[subject.who], subject

    def _with_model(
        self, account: _Account, named: Mapping[str, LimitsMessage], model: ServedModel
    ) -> _Account:
        """Add the project's limits for one model: the model's own, else those of its base."""
        name = model.id if model.id in named else model.base
        if name not in named:
            return account
        found = account.of_models.get(name)
        if found is None:
            row = self._cells.row(f"model {account.caller.project_id} {name}")
            subject = Subject("model", row, named[name])
            more = (subject,) if subject.any else ()
            found = _Account(account.caller, account.subjects + more)
            account.of_models[name] = found
        return found

    def _bind(self, account: _Account) -> None:
        """Bring the rows up to date with what other processes have added."""
        cells = self._cells
        if cells.head[CHANGES] != cells.seen:
            cells.refresh()
        try:
            # Making a row looks at the news too, and what it saw may concern the others.
            while any(subject.row.epoch != cells.epoch for subject in account.subjects):
                for subject in account.subjects:
                    if subject.row.epoch != cells.epoch:
                        cells.bind(subject.row)
        except OSError as error:
            _log.error("limits cannot be counted", exc_info=error)
            raise Unavailable(
                "Limits cannot be counted right now: the server's disk is full. Try again later.",
                code="limits_unavailable",
            ) from error
        account.epoch = cells.epoch
