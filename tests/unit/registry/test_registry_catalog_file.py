"""intake.catalog_file: the file of COMMON form is read, one that does not hold together is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.registry.domain.limits import Limits, Priority
from argosy.registry.domain.routes import Route, Target
from argosy.registry.intake.catalog_file import read_catalog_file
from pydantic import ValidationError

from tests.harness.registry_fleet import CATALOG


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return read_catalog_file(path)


def test_one_project_or_many(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text('[project]\nid = "proj_default"\nname = "Default"\n')
    assert [p.id for p in read_catalog_file(path).project] == ["proj_default"]
    path.write_text(CATALOG)
    assert [p.id for p in read_catalog_file(path).project] == ["proj_default", "proj_other"]


def test_without_a_file_there_is_the_default_project() -> None:
    assert [p.id for p in read_catalog_file(None).project] == ["proj_default"]


MODEL = '[[model]]\nid = "m"\nkind = "base"\ncontext_length = 8\npool = "main"\n'
POOL = '[[pool]]\nname = "main"\nengine = "vllm"\nreplicas = ["http://127.0.0.1:1"]\n'

KEY = '[[key]]\nid = "k"\nsecret = "0123456789abcdef"\n'
ROUTE = '[[route]]\nname = "r"\ntargets = [{ model = "m" }]\n'


def test_limits_pool_settings_and_routes(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(
        KEY + 'tokens_per_minute = 5\npriority = "high"\nadmin = true\n'
        + KEY.replace('"k"', '"plain"').replace("abcdef", "abcdeg")
        + POOL + "concurrency = 3\nqueue_seconds = 1.5\nweights = { load = 2 }\n"
        + ROUTE.replace("}]", 'weight = 9 }, { model = "ft:a:b:c:d" }]').replace('"m"', '"m",')
        + 'fallbacks = ["f"]\n'
    )  # fmt: skip
    file = read_catalog_file(path)
    assert file.key[0].limits == Limits(tokens_per_minute=5)
    assert (file.key[0].priority, file.key[0].admin) == (Priority.HIGH, True)
    assert (file.key[1].limits, file.key[1].priority) == (None, Priority.DEFAULT)
    assert (file.pool[0].concurrency, file.pool[0].queue, file.pool[0].weights) == (
        3,
        0,
        {"load": 2},
    )
    assert file.route[0].route == Route(
        "r", "", (Target("m", 9.0), Target("ft:a:b:c:d", 1.0)), ("f",)
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MODEL, "has no \\[\\[pool\\]\\]"),
        (POOL + MODEL + MODEL, "same name"),
        (POOL + MODEL.replace('pool = "main"\n', ""), "names no pool"),
        (POOL + MODEL + "trainable = true\n", "no weights_path"),
        (POOL.replace("vllm", "magic"), "engine"),
        (POOL.replace("http://127.0.0.1:1", "127.0.0.1:1"), "replicas"),
        (POOL + "surprise = 1\n", "surprise"),
        (MODEL.replace("= 8", "= 0") + POOL, "context_length"),
        ('[[key]]\nid = "k"\nproject_id = "p"\nsecret = "0123456789abcdef"\n', "no \\[\\[project"),
        ('[[key]]\nid = "k"\nsecret = "short"\n', "secret"),
        (POOL + "concurrency = -1\n", "concurrency"),
        (POOL + "weights = { load = -1.0 }\n", "weights"),
        (KEY + "tokens_per_day = -1\n", "tokens_per_day"),
        (KEY + 'priority = "urgent"\n', "priority"),
        ('[[project]]\nid = "p"\nname = "P"\nshare = 0\n', "share"),
        (ROUTE + ROUTE, "same name"),
        (ROUTE.replace('[{ model = "m" }]', "[]"), "targets"),
        (ROUTE.replace('"m" }', '"m", weight = 0 }'), "weight above 0"),
        (ROUTE + 'project_id = "nobody"\n', "no \\[\\[project"),
        ('[organization]\nid = "o"\nslug = "With Space"\n', "slug"),
    ],
)
def test_files_that_do_not_hold_together(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        read(tmp_path, text)


def test_an_error_does_not_show_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        read(tmp_path, '[[key]]\nid = "k"\nproject_id = "p"\nsecret = "canary-0123456789"\n')
    assert "canary" not in str(caught.value)
