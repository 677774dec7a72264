"""What must hold after every fault, whatever was broken: nothing leaked, nothing forgotten."""

from __future__ import annotations

import re
import urllib.request

from argosy.cli.fleet import leftovers

from tests.harness.cluster import Cluster
from tests.harness.waiting import wait_until


def outboxes_drain(cluster: Cluster, timeout: float = 30.0) -> None:
    """Every event that was committed reached the stream."""

    def drained() -> bool:
        for schema in _schemas_with(cluster, "outbox"):
            pending = cluster.sql(f"SELECT count(*) FROM {schema}.outbox")[0][0]  # noqa: S608 - own names
            assert pending == "0", f"{pending} events wait in {schema}.outbox"
        return True

    wait_until(drained, timeout, "an empty outbox")


def no_canary(cluster: Cluster, canary: str) -> None:
    """A text that only a user may see stands in no log."""
    for path in sorted(cluster.home.logs.glob("*.log*")):
        assert canary not in path.read_text("utf-8", "replace"), f"{path.name} holds user data"


def no_orphans(cluster: Cluster) -> None:
    """Every process of the home descends from a supervised one that lives."""
    alive = {member.pid for member in cluster.state.members if member.pid is not None}
    for pid in leftovers.find(cluster.home.root, ()):
        line = leftovers.with_ancestors(pid)
        assert line & alive, f"process {pid} has outlived the one that started it"


def gauge(cluster: Cluster, name: str, metric: str) -> float:
    """Return the sum over all labels of one metric of a process."""
    with urllib.request.urlopen(cluster.metrics_url(name), timeout=5) as answer:  # noqa: S310 - ours
        text = answer.read().decode()
    found = re.findall(rf"^{re.escape(metric)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert found, f"{name} has no metric {metric}"
    return sum(float(value) for value in found)


def _schemas_with(cluster: Cluster, table: str) -> list[str]:
    rows = cluster.sql(
        f"SELECT table_schema FROM information_schema.tables WHERE table_name = '{table}'"  # noqa: S608 - a constant of this module
    )
    return sorted(row[0] for row in rows)
