"""No credential of anybody stands in code, tests, fixtures, manifests or documents.

Of our own secrets a form is known (`sk-argosy-…`); a stranger's is told by the name beside it and
by how random it looks: an id and secret of an OAuth client, an access key, a token in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.sources import ROOT

FOLDERS = ("benchmarks", "cli", "dashboards", "deploy", "docs", "gateway", "proto", "requirements",
           "scripts", "services", "tests")  # fmt: skip
TEXTS = {".json", ".jsonl", ".md", ".proto", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}
NAMED = re.compile(
    r"(?:client_?(?:id|secret)|access_?(?:key|token)|secret_?key|api_?key|\bak\b|\bsk\b)"
    r"[\"']?\s*[=:]\s*[\"']?(?P<value>[A-Za-z0-9]{20,})(?![A-Za-z0-9_.(\[])",
    re.IGNORECASE,
)


def found(text: str) -> list[str]:
    """Return what looks like a live credential: long, with letters and digits mixed."""
    values = (match["value"] for match in NAMED.finditer(text))
    return [v for v in values if re.search(r"[A-Za-z]", v) and re.search(r"\d", v)]


def texts() -> Iterator[Path]:
    yield from (p for p in ROOT.iterdir() if p.is_file() and p.suffix in TEXTS)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if "__pycache__" in parts or "build" in parts or path.suffix not in TEXTS:
                continue
            if path.is_file() and path.stat().st_size < 1 << 20:
                yield path


def test_s10_no_live_looking_credential_stands_anywhere() -> None:
    seen = 0
    for path in texts():
        seen += 1
        looks = found(path.read_text("utf-8", errors="replace"))
        assert not looks, f"{path.relative_to(ROOT)} holds what looks like a credential"
    assert seen > 500


@pytest.mark.parametrize(
    "line",
    [
        "client_id=" + "a1" * 12,
        '"client_secret": "' + "Zx9" * 11 + '"',
        "AK = '" + "Q7" * 12 + "'",
        "?grant_type=client_credentials&client_id=" + "b2" * 12 + "&client_secret=x",
    ],
)
def test_s10_a_credential_would_be_seen(line: str) -> None:
    assert found(line)
