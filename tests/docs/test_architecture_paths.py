"""Every path that a document of the repository names exists."""

from __future__ import annotations

import re

import pytest

from tests.docs import sources

DOCUMENTS = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "THREAT_MODEL.md",
    *(f"docs/{p.name}" for p in sorted(sources.DOCS.glob("*.md"))),
    *(f"docs/decisions/{p.name}" for p in sorted((sources.DOCS / "decisions").glob("*.md"))),
]
# A path in backquotes: has a slash and starts at the root of the repository or inside a part.
_PATH = re.compile(r"`([\w.-]+(?:/[\w.{},*-]+)+/?)`")
_PLACES = (
    "",
    "gateway/src/argosy/",
    "services/registry/src/argosy/",
    "services/trainer/src/argosy/",
    "services/embedder/src/argosy/",
    "services/kit/src/argosy/",
    "cli/src/argosy/",
    "proto/src/argosy/",
)
_FIRST = {"gateway", "services", "cli", "proto", "deploy", "docs", "tests", "scripts", "kit",
          "registry", "trainer", "embedder", "api", "requirements", "benchmarks"}  # fmt: skip


def paths(document: str) -> list[str]:
    text = (sources.ROOT / document).read_text("utf-8")
    return [p for p in _PATH.findall(text) if p.split("/")[0] in _FIRST]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_paths_exist(document: str) -> None:
    missing = [
        path
        for path in paths(document)
        if not any(list(sources.ROOT.glob(place + path.rstrip("/"))) for place in _PLACES)
    ]
    assert not missing, f"{document} names what does not exist: {missing}"


def test_the_map_is_not_empty() -> None:
    assert len(paths("ARCHITECTURE.md")) > 20


def test_named_make_targets_exist() -> None:
    makefile = (sources.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for document in (*DOCUMENTS, "README.md")
        for target in re.findall(
            r"(?:`|^)make ([a-z-]+)", (sources.ROOT / document).read_text("utf-8"), re.MULTILINE
        )
    }
    assert {"up", "test"} <= named <= targets
