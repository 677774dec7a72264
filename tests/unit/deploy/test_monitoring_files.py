"""Dashboards and rules are what the code makes, name metrics that there are, and get mounted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from argosy.registry.intake.catalog_file import read_catalog_file

from dashboards import __main__ as command
from dashboards import boards
from tests.docs import sources
from tests.unit.deploy import manifests as k8s

GRAFANA: Final = k8s.K8S / "grafana"
PROMETHEUS: Final = k8s.K8S / "prometheus"
RULES: Final = sorted((PROMETHEUS / "rules").glob("*.yaml"))
# What every process shows besides, and what Prometheus makes itself.
OTHERS: Final = {
    "up", "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes",
    "process_start_time_seconds",
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def expressions() -> list[str]:
    panels = [q.expr for board in boards.ALL for panel in board.panels() for q in panel.queries]
    return panels + [rule["expr"] for rule in rules()]


def test_the_files_are_what_the_code_makes(tmp_path: Path) -> None:
    assert command.outdated() == [], "run `make dashboards`"
    command.write(tmp_path)
    (tmp_path / "fleet.json").write_text("{}")
    (tmp_path / "extra.json").write_text("{}")
    assert command.outdated(tmp_path) == ["extra.json", "fleet.json"]
    command.write(tmp_path)
    assert command.outdated(tmp_path) == []


def test_every_query_names_metrics_that_are_there() -> None:
    known = {rule["record"] for rule in rules() if "record" in rule} | OTHERS
    metrics = sources.metrics()
    for metric in metrics:
        endings = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        known |= {metric.name + ending for ending in endings}
    for expression in expressions():
        named = set(re.findall(r"\b(?:argosy|gen_ai|process)[a-z0-9_:]*[a-z0-9]\b", expression))
        # Labels of the conventions begin as their metrics do.
        named -= {label for metric in metrics for label in metric.labels}
        assert named <= known, (expression, named - known)


def test_what_counts_as_the_fleets_fault_is_one_list() -> None:
    from argosy.cli.top.summary import FAULTS
    from argosy.gateway.errors import Outcome

    recorded = {
        word
        for rule in rules()
        for words in re.findall(r'outcome=~"([a-z_|]+)"', rule["expr"])
        for word in words.split("|")
    }
    assert recorded - {"ok", "client_disconnected"} == FAULTS
    assert recorded <= set(Outcome)


def test_a_dashboard_is_whole() -> None:
    for board in boards.ALL:
        shown = json.loads((GRAFANA / f"{board.name}.json").read_text())
        assert shown["uid"] == f"argosy-{board.name}"
        ids = [panel["id"] for panel in shown["panels"]]
        assert len(ids) == len(set(ids))
        places = [tuple(p["gridPos"][k] for k in "xywh") for p in shown["panels"]]
        assert len({(x, y) for x, y, _, _ in places}) == len(places)
        assert all(x + width <= 24 for x, _, width, _ in places)
        sources_named = {p["datasource"]["uid"] for p in shown["panels"] if "datasource" in p}
        assert sources_named == {"${datasource}"}


def test_alerts_say_what_to_do_and_how_urgent_it_is() -> None:
    documented = (k8s.ROOT / "docs" / "monitoring.md").read_text()
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}, rule
            assert set(rule["annotations"]) == {"summary", "description"}, rule
            assert f"`{rule['alert']}`" in documented, rule["alert"]


def test_every_alert_has_been_seen_to_fire() -> None:
    cases = yaml.safe_load((PROMETHEUS / "tests" / "alerts.yaml").read_text())["tests"]
    fired = {
        check["alertname"]
        for case in cases
        for check in case["alert_rule_test"]
        if check.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in rules() if "alert" in rule}


@pytest.mark.parametrize("folder", [GRAFANA, PROMETHEUS], ids=lambda p: p.name)
def test_the_kustomization_mounts_every_file(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    mounted = {name for each in listed["configMapGenerator"] for name in each["files"]}
    wanted = {p.name for p in folder.glob("*.json")} | {
        f"rules/{p.name}" for p in folder.glob("rules/*")
    }
    assert mounted - {"prometheus.yml"} == wanted
    for name in listed.get("resources", ()):
        for manifest in k8s.documents(folder / name):
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    (scrape,) = config["scrape_configs"]
    # Debian's build cannot find pods; the rest it can read.
    found = scrape.pop("kubernetes_sd_configs")
    assert found == [{"role": "pod", "namespaces": {"names": ["argosy"]}}]
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [promtool(), "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guides_files_are_right(tmp_path: Path) -> None:
    guide = (k8s.ROOT / "docs" / "monitoring.md").read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", guide, re.DOTALL)
    (config,) = [text for language, text in blocks if language == "yaml"]
    (tmp_path / "prometheus.yml").write_text(config)
    # Paths in it are the repository's.
    (tmp_path / "deploy").symlink_to(k8s.ROOT / "deploy")
    (tmp_path / ".argosy").mkdir()
    (tmp_path / ".argosy" / "prometheus-targets.json").write_text("[]")
    done = subprocess.run(
        [promtool(), "check", "config", "prometheus.yml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout
    (prices,) = [text for language, text in blocks if language == "toml"]
    # The pool is the catalogue's own.
    pool = '\n[[pool]]\nname = "main"\nengine = "vllm"\nreplicas = ["http://127.0.0.1:1"]\n'
    (tmp_path / "catalog.toml").write_text(prices + pool)
    assert len(read_catalog_file(tmp_path / "catalog.toml").price) == 2
    for language, text in blocks:
        if language == "sh":
            for path in re.findall(r"deploy/[\w./*-]+", text):
                assert list(k8s.ROOT.glob(path)), path
            for option in re.findall(r"^argosy top.*?(--[a-z]+)", text, re.MULTILINE):
                assert option in {"--once", "--json", "--url"}, option


def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: `make setup` with tests installs Debian's prometheus"
    return found


def test_prometheus_may_scrape_what_it_looks_for() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    kept = config["scrape_configs"][0]["relabel_configs"][0]
    assert kept["regex"] == "argosy;health"
    for name in ("gateway", "registry", "trainer", "embedder"):
        labels = k8s.workloads()[name]["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "argosy"
        assert "health" in {p["name"] for p in k8s.main_container(name)["ports"]}
    policy = k8s.of_kind("NetworkPolicy")["allow-metrics"]["spec"]["ingress"][0]
    wanted = policy["from"][0]["namespaceSelector"]["matchLabels"]
    (namespace,) = k8s.documents(PROMETHEUS / "namespace.yaml")
    assert wanted.items() <= namespace["metadata"]["labels"].items()
