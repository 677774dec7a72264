"""Which words a field of a request may have, read off its type, so that a refusal can list them.

Knows msgspec's types. Does not know requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import inspect

_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?:\.\.\.|\d+)\]")


def choices(shape: Any, path: str) -> list[str]:
    """Return the words, in order, of the field at msgspec's `path` in `shape`; none for no list."""
    nodes = _flat([inspect.type_info(shape)])
    for step in _STEP.finditer(path):
        nodes = _flat(_inner(nodes, step["name"]))
    found: list[str] = []
    for node in nodes:
        if isinstance(node, inspect.LiteralType):
            found += [str(value) for value in node.values]
        elif isinstance(node, inspect.EnumType):
            found += [str(member.value) for member in node.cls]
    return sorted(set(found))


def _inner(nodes: Iterable[inspect.Type], name: str | None) -> Iterator[inspect.Type]:
    for node in nodes:
        if isinstance(node, inspect.StructType):
            yield from (field.type for field in node.fields if field.encode_name == name)
        elif isinstance(node, inspect.DictType) and name is None:
            yield node.value_type
        elif isinstance(node, inspect.CollectionType) and name is None:
            yield node.item_type


def _flat(nodes: Iterable[inspect.Type]) -> list[inspect.Type]:
    found: list[inspect.Type] = []
    for node in nodes:
        if isinstance(node, inspect.UnionType):
            found += _flat(node.types)
        elif isinstance(node, inspect.Metadata):
            found += _flat([node.type])
        else:
            found.append(node)
    return found
