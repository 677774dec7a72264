"""Who may reach whom, as whom a process runs, and how it goes down."""

from __future__ import annotations

import pytest

from tests.unit.deploy import manifests as k8s

PROCESSES = tuple(k8s.workloads())
# A process may call another exactly if one of these variables tells it where.
ADDRESSES = {
    "postgres": "ARGOSY_DATABASE_URL",
    "nats": "ARGOSY_NATS_URL",
    "registry": "ARGOSY_REGISTRY_URL",
    "trainer": "ARGOSY_TRAINER_URL",
    "embedder": "ARGOSY_EMBEDDER_URL",
}


def callers(name: str) -> set[str]:
    """Return the processes that the policy of `name` lets in."""
    allowed: set[str] = set()
    for rule in k8s.of_kind("NetworkPolicy")[name]["spec"]["ingress"]:
        for peer in rule["from"]:
            assert set(peer) == {"podSelector"}, "no namespaces, no address ranges"
            allowed.add(peer["podSelector"]["matchLabels"][k8s.NAME])
    return allowed


@pytest.mark.parametrize(("name", "variable"), ADDRESSES.items())
def test_only_those_who_are_told_the_address_get_in(name: str, variable: str) -> None:
    told = {p for p in PROCESSES if variable in k8s.environment(k8s.main_container(p))}
    assert callers(name) == told


def test_only_the_gateway_reaches_engines_and_engines_reach_nothing() -> None:
    assert callers("engine") == callers("transformers") == {"gateway"}
    policy = k8s.of_kind("NetworkPolicy")["engine"]["spec"]
    assert policy["egress"] == []
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}


def test_what_no_policy_opens_is_closed() -> None:
    closed = k8s.of_kind("NetworkPolicy")["deny-all-ingress"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize("name", PROCESSES)
def test_policies_select_the_pods_that_they_mean(name: str) -> None:
    labels = k8s.workloads()[name]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        k8s.of_kind("NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"],
        k8s.of_kind("Service")[name]["spec"]["selector"],
        k8s.workloads()[name]["spec"]["selector"]["matchLabels"],
        k8s.of_kind("NetworkPolicy")["allow-metrics"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_runs_with_the_least_rights(name: str) -> None:
    pod = k8s.pod(name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10_000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in k8s.containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["registry", "trainer", "embedder", "gateway"])
def test_probes_ask_the_health_port(name: str) -> None:
    container = k8s.main_container(name)
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


def test_the_gateway_may_finish_its_streams() -> None:
    container = k8s.main_container("gateway")
    drain = float(k8s.environment(container)["ARGOSY_DRAIN_GRACE_SECONDS"])
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert k8s.pod("gateway")["terminationGracePeriodSeconds"] >= before + drain + 15


def test_a_drain_of_nodes_leaves_a_gateway() -> None:
    budget = k8s.of_kind("PodDisruptionBudget")["gateway"]["spec"]
    assert 1 <= budget["minAvailable"] < k8s.workloads()["gateway"]["spec"]["replicas"]
    assert budget["selector"] == k8s.workloads()["gateway"]["spec"]["selector"]


def test_no_secret_stands_in_the_repository() -> None:
    assert not k8s.of_kind("Secret")
    for name in PROCESSES:
        for container in k8s.containers(name):
            for variable, value in k8s.environment(container).items():
                secret = any(w in variable for w in ("TOKEN", "PASSWORD", "PEPPER", "_KEY"))
                assert value.startswith("secret:") or not secret, (name, variable)
    assert "secrets.env" in (k8s.K8S / ".gitignore").read_text().split()
