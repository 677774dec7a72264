"""`gateway.toml`: what it may say, and where a mistake is found to be."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest
from argosy.api.registry.v1.registry_pb2 import MODEL_KIND_EMBEDDING, MODEL_KIND_TUNED
from argosy.gateway.catalog import Catalog
from argosy.gateway.standalone.config import ConfigError, read_config, traffic_settings
from argosy.gateway.standalone.feed import entries

PEPPER = b"a pepper only for tests"
SECRET = "sk-a-secret-of-this-test"
SMALL = f"""
[[pool]]
name = "mock"
engine = "openai"
replicas = ["http://127.0.0.1:9000"]
models = ["mock-model"]
[[key]]
name = "bench"
secret = "{SECRET}"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def catalog_of(path: Path) -> Catalog:
    catalog = Catalog()
    catalog.replace(entries(read_config(path), PEPPER))
    return catalog


def test_the_smallest_file(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    catalog = catalog_of(path)
    key = catalog.key(hmac.digest(PEPPER, SECRET.encode(), "sha256"))
    assert key is not None
    assert key.project_id == "proj_default"
    assert catalog.project("proj_default") is not None
    model = catalog.model("proj_default", "mock-model")
    assert model is not None
    assert (model.pool, model.servable, model.context_length) == ("mock", True, 0)
    settings = traffic_settings(read_config(path))
    assert (str(settings.bind), str(settings.health_bind)) == ("127.0.0.1:9100", "127.0.0.1:9101")


def test_everything_that_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_THIS_TEST", "sk-from-the-environment")
    path = written(
        tmp_path,
        """
        [gateway]
        port = 8100
        metrics_port = 8200
        pool_concurrency = 7
        trace_sample_ratio = 0.01
        [[project]]
        name = "research"
        share = 2.5
        tokens_per_day = 1000
        [[pool]]
        name = "gpu"
        engine = "vllm"
        replicas = ["http://a:8000/", "http://b:8000"]
        models = ["small", { name = "large", context_length = 8192, price = { output = 5 } },
                  { name = "vectors", kind = "embedding" }]
        max_loras = 8
        weights = { kv_cache = 0.5 }
        [[adapter]]
        name = "ours"
        base = "large"
        path = "/adapters/ours"
        [[route]]
        name = "chat"
        targets = [{ model = "small", weight = 9 }, { model = "large" }]
        fallbacks = ["small"]
        [[key]]
        name = "team"
        secret_env = "KEY_OF_THIS_TEST"
        project = "research"
        requests_per_minute = 60
        priority = "high"
        admin = true
        """,
    )
    catalog = catalog_of(path)
    adapter = catalog.model("research", "ours")
    assert adapter is not None
    assert (adapter.kind, adapter.base, adapter.pool) == (MODEL_KIND_TUNED, "large", "gpu")
    assert (adapter.context_length, adapter.price.output) == (8192, 5)
    vectors = catalog.model("research", "vectors")
    assert vectors is not None
    assert vectors.kind == MODEL_KIND_EMBEDDING
    (pool,) = catalog.pools()
    assert list(pool.replicas) == ["http://a:8000", "http://b:8000"]
    assert dict(pool.weights) == {"kv_cache": 0.5}
    key = catalog.key(hmac.digest(PEPPER, b"sk-from-the-environment", "sha256"))
    assert key is not None
    assert (key.limits.requests_per_minute, key.admin) == (60, True)
    project = catalog.project("research")
    assert project is not None
    assert (project.share, project.limits.tokens_per_day) == (2.5, 1000)
    settings = traffic_settings(read_config(path))
    assert (settings.pool_concurrency, settings.health_bind.port) == (7, 8200)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[[pool]]", "[[pol]]"), "pool: is missing"),
        (('engine = "openai"', 'engine = "vlm"'), "[[pool]] mock: engine: "),
        (('"http://127.0.0.1:9000"', '"127.0.0.1:9000"'), "[[pool]] mock: "),
        (('models = ["mock-model"]', "models = []"), "[[pool]] mock: models: needs at least one"),
        (('name = "bench"', 'name = "bench"\nrequest_per_minute = 5'), "[[key]] bench: request"),
        ((f'secret = "{SECRET}"', 'secret_env = "NOT_SET_ANYWHERE"'), "ANYWHERE is not set"),
        ((f'secret = "{SECRET}"', ""), "key bench needs a secret or secret_env"),
        (("[[pool]]", "[gateway]\nworkers = 0\n[[pool]]"), "gateway: workers: "),
        (("[[pool]]", "[gateway]\nworker = 2\n[[pool]]"), "did you mean workers?"),
        (("[[pool]]", "[gateway]\nservice_token = 'x'\n[[pool]]"), "no setting is called"),
        (("[[pool]]", "[gateway]\npool_queue = -1\n[[pool]]"), "pool_queue: "),
        (
            ("[[key]]", '[[route]]\nname = "r"\ntargets = [{ model = "no" }]\n[[key]]'),
            "route r names the model no, which no pool has",
        ),
        (("[[key]]", '[[adapter]]\nname="a"\nbase="no"\npath="/a"\n[[key]]'), "adapter a names"),
        (('["mock-model"]', '["mock-model", "mock-model"]'), "two models or adapters are called"),
        (("[[key]]", "weights = { prefixes = 1 }\n[[key]]"), "no scorer 'prefixes'; there are"),
        (("[[key]]", "weights = { prefix = -1 }\n[[key]]"), "must be from 0 to 1000"),
        (("[[pool]]", "[[pool]"), "this is not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_no_secret_shown(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert change[0] in SMALL
    path = written(tmp_path, SMALL.replace(*change, 1))
    with pytest.raises(ConfigError) as refused:
        read_config(path)
    message = str(refused.value)
    assert says in message
    assert message.startswith(str(path))
    assert SECRET not in message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "absent.toml")


def test_a_secret_belongs_to_one_key(tmp_path: Path) -> None:
    twice = SMALL + f'[[key]]\nname = "again"\nsecret = "{SECRET}"\n'
    with pytest.raises(ConfigError, match="has the secret of another key"):
        read_config(written(tmp_path, twice))
