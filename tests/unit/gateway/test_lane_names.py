"""The client's name for a model, put into an answer's bytes."""

from __future__ import annotations

import json
from typing import Any

from argosy.gateway.lane.answer.names import Renamed
from hypothesis import given
from hypothesis import strategies as st

VALUES: Any = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(), st.just('"model":"engine"'), st.just("engine")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.just("model")), inner, max_size=4),
    ),
    max_leaves=12,
)


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    if isinstance(value, dict):
        return {
            key: new if key == "model" and item == old else _renamed(item, old, new)
            for key, item in value.items()
        }
    return value


@given(VALUES, st.sampled_from(["engine", 'a"b', "ä"]), st.text(max_size=9), st.booleans())
def test_only_names_are_changed(value: Any, old: str, new: str, spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    data = json.dumps({"model": old, "x": value}, separators=separators, ensure_ascii=False)
    changed = Renamed(old, new)(data.encode("utf-8", "surrogatepass"))
    assert json.loads(changed) == _renamed({"model": old, "x": value}, old, new)
