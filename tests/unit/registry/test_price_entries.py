"""`[[price]]` entries: what they may say, and the whole numbers that they become."""

from __future__ import annotations

import re
from datetime import date

import pytest
from argosy.registry.domain.cost_estimates import Work, bill
from argosy.registry.domain.prices import ModelPrice, PoolPrice, price_on
from argosy.registry.intake.catalog_file import CatalogFile
from argosy.registry.intake.price_entries import model_prices, pool_prices
from pydantic import ValidationError

from tests.docs.sources import DOCS, ROOT

POOL = {"name": "main", "engine": "vllm", "replicas": ["http://127.0.0.1:1"]}


def read(*prices: dict[str, object]) -> CatalogFile:
    return CatalogFile.model_validate({"pool": [POOL], "price": list(prices)})


def test_money_becomes_millionths_exactly() -> None:
    file = read(
        {"model": "m", "valid_from": date(2026, 1, 1), "input": 0.1, "output": 0.000007},
        {"pool": "main", "hour": 2.29, "cached_input_weight": 0.25},
    )
    assert model_prices(file.price) == [
        ModelPrice("m", date(2026, 1, 1), 100_000, 100_000, 7, 0, 100_000, 4_000_000)
    ]
    assert pool_prices(file.price) == [
        PoolPrice("main", date(1970, 1, 1), 2_290_000, 1000, 250, 4000, 1000)
    ]


def test_s11_the_knowledge_bases_price_is_a_default_that_anyone_changes() -> None:
    def retrieval(**told: float) -> int:
        (price,) = model_prices(read({"model": "*", **told}).price)
        return price.retrieval

    # 0.004 for a thousand tokens.
    assert retrieval() == 4_000_000
    assert retrieval(retrieval=1.5) == 1_500_000
    assert retrieval(retrieval=0) == 0


def test_s11_no_document_claims_the_old_prices() -> None:
    claims = re.compile(r"gpt-3\.5|\$0\.008|yuan|元|0\.004", re.IGNORECASE)
    for path in (*DOCS.rglob("*.md"), ROOT / "README.md"):
        assert not claims.search(path.read_text("utf-8")), path.name


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        ([{"input": 1}], "either a model or a pool"),
        ([{"model": "m", "pool": "main"}], "either a model or a pool"),
        ([{"model": "m", "hour": 1}], "cannot have hour"),
        ([{"pool": "main", "output": 1}], "cannot have output"),
        ([{"pool": "elsewhere", "hour": 1}], "no \\[\\[pool\\]\\]"),
        ([{"pool": "main", "hour": 1, "day": 24}], "by the hour or by the day"),
        ([{"model": "m"}, {"model": "m"}], "same valid_from"),
        ([{"model": "m", "input": -1}], "greater than or equal to 0"),
        ([{"model": "m", "input": 10_001}], "less than or equal to 10000"),
        ([{"model": "m", "input": 0.0000001}], "decimal"),
        ([{"model": "m", "colour": 1}], "Extra inputs"),
    ],
)
def test_a_wrong_price_stops_the_start(prices: list[dict[str, object]], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        read(*prices)


def test_the_newest_price_of_the_nearest_name_holds() -> None:
    def price(model: str, day: int, each: int) -> ModelPrice:
        return ModelPrice(model, date(2026, 1, day), each, each, each, each)

    prices = [price("own", 10, 1), price("base", 5, 2), price("base", 8, 3), price("*", 1, 4)]
    names = ("own", "base", "*")
    held = [price_on(prices, date(2026, 1, day), names) for day in (1, 4, 5, 8, 9, 10, 31)]
    assert [p.input if p else None for p in held] == [4, 4, 2, 3, 3, 1, 1]
    assert price_on(prices, date(2025, 12, 31), names) is None
    assert price_on(prices, date(2026, 1, 31), ("own",)) == prices[0]


def test_l10_compute_by_the_day_and_training_by_the_token_are_prices_of_their_own() -> None:
    file = read({"pool": "main", "day": 250}, {"model": "m", "training": 2})
    (hardware,) = pool_prices(file.price)
    assert (hardware.hour, hardware.span) == (250_000_000, 24)
    assert model_prices(file.price)[0].training == 2_000_000
    work = Work("m", "training", training=500_000, seconds=3 * 3600)
    assert bill(work, model_prices(file.price)[0], None).micros == 1_000_000
    assert bill(work, None, hardware).micros == 31_250_000


def test_j12_what_a_knowledge_base_hands_out_costs_a_price_for_a_thousand_tokens() -> None:
    file = read({"model": "*"}, {"model": "kb", "retrieval": 1.5, "embedding": 0.02})
    default, own = model_prices(file.price)
    told = bill(Work("kb", "file_search", input=4_000), default, None)
    assert told.micros == 4 * 4_000  # 0.004 for a thousand
    assert told.lines[0].item == "kb, retrieval_tokens"
    assert bill(Work("kb", "file_search", input=4_000), own, None).micros == 6_000
    assert bill(Work("kb", "embedding", input=4_000), own, None).micros == 80
