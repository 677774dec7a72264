"""docs/events.md names every event, its subject and each of its fields."""

from __future__ import annotations

import pytest
from argosy.api import subjects
from argosy.api.events.v1 import events_pb2
from google.protobuf.descriptor import FieldDescriptor

from tests.docs import sources

EVENT = events_pb2.Event.DESCRIPTOR
PAYLOADS: dict[str, FieldDescriptor] = {
    field.name: field for field in EVENT.oneofs_by_name["payload"].fields
}


def sections() -> dict[str, str]:
    """Return the document's text by the event type in its headings."""
    text = (sources.DOCS / "events.md").read_text("utf-8")
    parts = text.split("\n## `")[1:]
    return {part.split("`")[0]: part for part in parts}


def test_types_and_payloads_are_the_same_list() -> None:
    assert {t.replace(".", "_") for t in subjects.TYPES} == set(PAYLOADS)


def test_there_is_one_section_an_event() -> None:
    assert list(sections()) == list(subjects.TYPES)


@pytest.mark.parametrize("event_type", subjects.TYPES)
def test_section_names_subject_and_fields(event_type: str) -> None:
    section = sections()[event_type]
    assert f"`{subjects.of(event_type)}`" in section
    for name in PAYLOADS[event_type.replace(".", "_")].message_type.fields_by_name:
        assert f"`{name}`" in section, f"{event_type}: {name}"


def test_the_envelope_is_explained() -> None:
    text = (sources.DOCS / "events.md").read_text("utf-8").split("\n## `")[0]
    for name in EVENT.fields_by_name:
        assert name in PAYLOADS or f"`{name}`" in text, name
