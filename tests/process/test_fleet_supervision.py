"""The supervision with stub processes: restart, order, stop, no orphans. The command is not run."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.cli.errors import StartupFailed
from argosy.cli.fleet.state import Phase, Stage

from tests.harness.cluster import Cluster
from tests.harness.waiting import wait_until

STUB = "${PYTHON} " + str(Path(__file__).parent / "stubs" / "service.py")
THREE = {"registry": STUB, "embedder": STUB, "gateway": STUB}

ClusterFactory = Callable[..., Cluster]


@pytest.fixture
def make_stubs(make_cluster: ClusterFactory, tmp_path: Path) -> ClusterFactory:
    """Make clusters of stubs; no PostgreSQL, no NATS, so no home needs preparing."""

    def make(**options: object) -> Cluster:
        given = {"processes": list(THREE), "commands": THREE} | options
        return make_cluster(tmp_path / f"home-{time.monotonic_ns()}", **given)

    return make


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def child_of_stub(cluster: Cluster, name: str) -> int:
    found = re.findall(r"^child (\d+)$", cluster.log(name), re.MULTILINE)
    assert found
    return int(found[-1])


def test_all_become_ready_and_the_gateway_comes_after_the_registry(
    make_stubs: ClusterFactory,
) -> None:
    cluster = make_stubs(environment={"registry": {"STUB_READY_SECONDS": "0.7"}}).start()
    assert cluster.state.phase is Phase.READY
    registry, gateway = cluster.process("registry"), cluster.process("gateway")
    assert registry.seconds is not None
    assert registry.seconds >= 0.7
    assert gateway.since > registry.since


def test_a_crashed_process_is_started_again_and_counted(make_stubs: ClusterFactory) -> None:
    cluster = make_stubs().start()
    others = {name: cluster.process(name).pid for name in ("embedder", "gateway")}
    for count in (1, 2):
        pid = cluster.kill("registry")
        cluster.wait_restarted("registry", pid)
        assert cluster.process("registry").restarts == count
    assert {name: cluster.process(name).pid for name in others} == others


def test_children_of_a_crashed_process_die_with_it(make_stubs: ClusterFactory) -> None:
    cluster = make_stubs(environment={"embedder": {"STUB_CHILD": "group"}}).start()
    child = child_of_stub(cluster, "embedder")
    assert alive(child)
    pid = cluster.kill("embedder")
    cluster.wait_restarted("embedder", pid)
    assert not alive(child)


@pytest.mark.parametrize("where", ["group", "session"])
def test_a_stop_ends_what_ignores_sigterm_and_its_children(
    make_stubs: ClusterFactory, where: str
) -> None:
    cluster = make_stubs(
        environment={"embedder": {"STUB_CHILD": where, "STUB_IGNORES_TERM": "1"}}
    ).start()
    pids = [member.pid for member in cluster.state.members]
    child = child_of_stub(cluster, "embedder")
    began = time.monotonic()
    cluster.stop()
    assert time.monotonic() - began < 15
    assert not [pid for pid in [*pids, child] if pid is not None and alive(pid)]


def test_a_process_that_cannot_start_fails_the_fleet_and_is_named(
    make_stubs: ClusterFactory,
) -> None:
    broken = THREE | {"embedder": "${PYTHON} -c 'raise SystemExit(9)'"}
    cluster = make_stubs(commands=broken)
    with pytest.raises(StartupFailed, match=r"embedder: ended with status 9"):
        cluster.start()
    assert cluster.state.phase is Phase.FAILED
    assert cluster.state.failed == "embedder"
    assert not [m.name for m in cluster.state.members if m.pid is not None]


def test_a_stopped_process_is_shown_as_unready_and_recovers(make_stubs: ClusterFactory) -> None:
    cluster = make_stubs().start()
    pid = cluster.kill("embedder", signal.SIGSTOP)
    try:
        wait_until(lambda: cluster.process("embedder").stage is Stage.UNREADY, 20)
    finally:
        os.kill(pid, signal.SIGCONT)
    cluster.wait_ready("embedder")
    assert cluster.process("embedder").pid == pid
    assert cluster.process("embedder").restarts == 0


def test_two_homes_side_by_side_share_nothing(make_stubs: ClusterFactory) -> None:
    one, other = make_stubs().start(), make_stubs().start()
    ports = [m.port for c in (one, other) for m in c.state.members]
    assert len(set(ports)) == len(ports)
    assert one.key != other.key
    one.stop()
    assert all(m.ready for m in other.state.members)
    assert all(alive(m.pid) for m in other.state.members if m.pid is not None)


def test_held_down_means_down_until_released(make_stubs: ClusterFactory) -> None:
    cluster = make_stubs().start()
    cluster.hold_down("embedder")
    wait_until(lambda: cluster.process("embedder").pid is None)
    assert not cluster.process("embedder").ready
    cluster.release("embedder")
    assert cluster.process("embedder").ready
