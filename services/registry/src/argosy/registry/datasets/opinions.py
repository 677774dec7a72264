"""How far the annotators of a version agree, gathered as its records stream by.

Of each record the last word of each annotator counts. Knows what annotations leave in a
record's notes; the measures are the operators'.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from argosy.registry.datasets.operators import agreement
from argosy.registry.datasets.sets import Record, record_id

# Records that several people annotated, of which the first so many are compared.
_MOST: Final = 50_000
_TOLD: Final = 100


class Opinions:
    """Labels and rankings of one version's records, by record and annotator."""

    def __init__(self, version_id: str) -> None:
        self._version_id = version_id
        self._labels: dict[str, Mapping[str, Any]] = {}
        self._rankings: dict[str, Mapping[str, Any]] = {}

    def hear(self, records: Iterable[Record]) -> None:
        """Take note of records that more than one person annotated."""
        for record in records:
            if '"annotations"' not in record.notes or len(self._labels) >= _MOST:
                continue
            name = record_id(self._version_id, record.position)
            said = json.loads(record.notes)["annotations"]
            labels = {a["annotator"]: a["label"] for a in said if "label" in a}
            rankings = {a["annotator"]: a["ranking"] for a in said if "ranking" in a}
            if len(labels) > 1:
                self._labels[name] = labels
            if len(rankings) > 1 and len({frozenset(r) for r in rankings.values()}) == 1:
                self._rankings[name] = rankings

    def told(self) -> dict[str, Any]:
        """Return `agreement` for a lineage's step; nothing where nobody's words meet another's."""
        if self._rankings:
            return {"agreement": _told(agreement.of_rankings(self._rankings))}
        if self._labels:
            return {"agreement": _told(agreement.of_ratings(self._labels))}
        return {}


def _told(found: agreement.Agreement) -> dict[str, Any]:
    return {
        "overall": None if found.overall is None else round(found.overall, 4),
        "compared": found.compared,
        "low": list(found.low[:_TOLD]),
        "low_count": len(found.low),
    }
