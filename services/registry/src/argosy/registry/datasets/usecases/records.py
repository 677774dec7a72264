"""Shows, adds, annotates and deletes single records of a version."""

from __future__ import annotations

import json
from typing import Any, Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets.annotation import Annotation, annotate
from argosy.registry.datasets.formats.read import fit, read
from argosy.registry.datasets.parameters import read as read_parameters
from argosy.registry.datasets.sets import (
    Record,
    RecordFilter,
    RecordStatus,
    Step,
    Version,
    characters,
    position_of,
)
from argosy.registry.datasets.store import records, sets, versions
from argosy.registry.datasets.usecases.shelf import unknown, version_in
from argosy.registry.domain.paging import page
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.strict_json import parse
from sqlalchemy.ext.asyncio import AsyncConnection

_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 100


class Records:
    """The use cases. A record may have at most `max_bytes` as JSON."""

    def __init__(self, database: Database, clock: Clock, max_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bytes = max_bytes

    async def list(
        self,
        project_id: str,
        version_id: str,
        wanted: RecordFilter,
        after: str,
        limit: int,
        *,
        descending: bool,
    ) -> tuple[Version, list[Record], bool]:
        """Return a page of records, in their order; raises NotFound, RuleBroken, InvalidRequest."""
        asked = page(after, limit, ascending=True, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        for status in wanted.statuses:
            if status not in set(RecordStatus):
                raise InvalidRequest(
                    f"status must be one of: {', '.join(RecordStatus)}.", param="status"
                )
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id)
            start = _position(version_id, after, param="after") if after else None
            found, more = await records.page(
                connection,
                version.seq,
                wanted,
                after=start,
                limit=asked.limit,
                ascending=not descending,
            )
        return version, found, more

    async def get(self, project_id: str, version_id: str, record_id: str) -> Record:
        """Return a record; raises NotFound."""
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id)
            return await _record(connection, version, record_id)

    async def next(
        self, project_id: str, version_id: str, after_id: str
    ) -> tuple[Version, Record | None]:
        """Return the next record that needs a person, if there is one; raises NotFound."""
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id)
            after = _position(version_id, after_id, param="after") if after_id else -1
            return version, await records.next_open(connection, version.seq, after)

    async def add(self, project_id: str, version_id: str, body: str, key_id: str) -> Record:
        """Append a record in any format; raises NotFound, Conflict, InvalidRequest."""
        value = self._parsed(body, param="record")
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id, change=True)
            try:
                reading = read(value)
                kind = version.kind or reading.kind
                reading = fit(reading, kind)
            except Problem as problem:
                raise _invalid(problem, "record") from None
            status = RecordStatus.EDITED if reading.answered else RecordStatus.UNANNOTATED
            notes = {"origin": "written", "key_id": key_id} | reading.notes
            made = _made(
                await versions.next_position(connection, version.id), status, reading.record, notes
            )
            line = records.copy_line(status, made.characters, made.body, made.notes)
            await records.copy(connection, version.seq, made.position, [line])
            await sets.update(connection, version.dataset_id, {"kind": kind})
            await versions.count_added(connection, version.id, made)
        return made

    async def annotate(
        self, project_id: str, version_id: str, record_id: str, text: str, key_id: str
    ) -> tuple[Version, Record]:
        """Give a record its answer; raises NotFound, Conflict, InvalidRequest."""
        said = read_parameters(Annotation, self._parsed(text, param="annotation"))
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id, change=True)
            before = await _record(connection, version, record_id)
            body, status = annotate(json.loads(before.body), version.kind, before.status, said)
            notes: dict[str, Any] = json.loads(before.notes or "{}")
            opinion = {
                "annotator": said.annotator or key_id,
                "at": int(self._clock.now().timestamp()),
                "milliseconds": said.milliseconds,
                **({"ranking": said.ranking} if said.ranking is not None else {}),
                **({"label": said.label} if said.label is not None else {}),
            }
            notes["annotations"] = [*notes.get("annotations", []), opinion][-32:]
            after = _made(before.position, status, body, notes)
            self._check_size(after)
            await records.put(connection, version.seq, after)
            await versions.count_annotated(connection, version.id, before, after, said.milliseconds)
            return await version_in(connection, project_id, version_id), after

    async def delete(self, project_id: str, version_id: str, record_id: str) -> None:
        """Remove a record of a draft; raises NotFound, Conflict."""
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id, change=True)
            gone = await _record(connection, version, record_id)
            await records.remove(connection, version.seq, gone.position)
            await versions.count_removed(connection, version.id, gone)

    async def accept_drafts(
        self, project_id: str, version_id: str, key_id: str
    ) -> tuple[int, Version]:
        """Accept all drafts of a version at once; its lineage tells who did. Raises NotFound."""
        async with self._database.begin() as connection:
            version = await version_in(connection, project_id, version_id, change=True)
            count = await records.accept_drafts(connection, version.seq)
            if count:
                details = {"records": count, "key_id": key_id}
                step = Step("bulk_accept", self._clock.now(), details)
                await versions.add_steps(connection, version.id, [step])
                await versions.recount(connection, version)
            return count, await version_in(connection, project_id, version_id)

    def _parsed(self, text: str, *, param: str) -> dict[str, Any]:
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > self._max_bytes:
            raise InvalidRequest(
                f"The record has more than {self._max_bytes} bytes, the limit.", param=param
            )
        try:
            value: Any = parse(raw)
        except Problem as problem:
            raise _invalid(problem, param) from None
        return value  # type: ignore[no-any-return]  # any JSON value; its readers judge it

    def _check_size(self, made: Record) -> None:
        if len(made.body.encode()) > self._max_bytes:
            raise InvalidRequest(
                f"The record has more than {self._max_bytes} bytes, the limit.", param="annotation"
            )


async def _record(connection: AsyncConnection, version: Version, record_id: str) -> Record:
    position = _position(version.id, record_id, param="record_id")
    found = await records.find(connection, version.seq, position)
    if found is None:
        raise unknown("Dataset record", record_id, param="record_id")
    return found


def _position(version_id: str, record_id: str, *, param: str) -> int:
    position = position_of(version_id, record_id)
    if position is None:
        raise unknown("Dataset record", record_id, param=param)
    return position


def _made(
    position: int, status: RecordStatus, body: dict[str, Any], notes: dict[str, Any]
) -> Record:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    said = json.dumps(notes, ensure_ascii=False, separators=(",", ":"))
    return Record(position, status, text, characters(body), said)


def _invalid(problem: Problem, param: str) -> InvalidRequest:
    return InvalidRequest(f"{problem}.", param=param, code="invalid_record")
