"""domain: names, expiries, lineage, keys and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argosy.api import ids
from argosy.registry.domain import files, keys
from argosy.registry.domain.models import ModelKind, check_lineage, parse_tuned_name
from argosy.registry.domain.paging import page
from argosy.registry.domain.rules import RuleBroken

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["train.jsonl", "销售 2019.jsonl", "a" * 255, "..x", "emoji 🚢"])
def test_plain_filenames(name: str) -> None:
    assert files.check_filename(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "../../x", "/etc/passwd", "a/b", "..\\x", "C:\\x", ".", "..", "a\0b", "a\nb", "a\x1bb",
        "a" * 256, "销" * 86, "x" * 4096, "txt.\u202eexe", "a\u2028b", "a\ud800",
    ],
)  # fmt: skip
def test_refused_filenames(name: str) -> None:
    with pytest.raises(RuleBroken) as caught:
        files.check_filename(name)
    assert caught.value.param == "file"


def test_results_are_stored_by_services_only() -> None:
    assert files.parse_purpose("fine-tune-results", by_service=True)
    with pytest.raises(RuleBroken, match="fine-tune, vision"):
        files.parse_purpose("fine-tune-results", by_service=False)
    with pytest.raises(RuleBroken, match="must be one of"):
        files.parse_purpose("finetune", by_service=True)


def test_expiry_is_an_hour_to_thirty_days() -> None:
    assert files.expiry(NOW, 0) is None
    assert files.expiry(NOW, 3600) == NOW + timedelta(hours=1)
    for seconds in (-1, 1, 3599, 2_592_001):
        with pytest.raises(RuleBroken, match="3600"):
            files.expiry(NOW, seconds)


@pytest.mark.parametrize("file_id", ["x", "file-", "file-a/b", "file-" + "a" * 65, "file-a\n"])
def test_refused_file_ids(file_id: str) -> None:
    with pytest.raises(RuleBroken):
        files.check_file_id(file_id)


def test_new_ids_are_valid_file_ids() -> None:
    assert files.check_file_id(ids.new_id(ids.FILE))


def test_tuned_names_are_those_that_ids_makes() -> None:
    tuned = ids.tuned_model_id("base-one", "argosy", "", "abcd1234")
    assert parse_tuned_name(tuned).step is None
    assert parse_tuned_name(ids.checkpoint_model_id(tuned, 80)).step == 80


GOOD = {"base": "base-one", "organization": "argosy", "step": 80, "job_id": "ftjob-1"}
TUNED = "ft:base-one:argosy:suffix:abcd1234"
CHECKPOINT = TUNED + ":ckpt-step-80"


def test_lineage_of_good_names() -> None:
    check_lineage(TUNED, ModelKind.TUNED, **GOOD)  # type: ignore[arg-type]
    check_lineage(CHECKPOINT, ModelKind.CHECKPOINT, **GOOD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model_id", "kind", "changes"),
    [
        ("base-one", ModelKind.TUNED, {}),
        ("ft:base-one:argosy:../x:abcd1234", ModelKind.TUNED, {}),
        ("ft:base-one:argosy::short", ModelKind.TUNED, {}),
        (TUNED + ":ckpt-step-0", ModelKind.CHECKPOINT, {"step": 0}),
        (TUNED + "\n", ModelKind.TUNED, {}),
        (TUNED, ModelKind.BASE, {}),
        (TUNED, ModelKind.CHECKPOINT, {}),
        (CHECKPOINT, ModelKind.TUNED, {}),
        (CHECKPOINT, ModelKind.CHECKPOINT, {"step": 81}),
        (TUNED, ModelKind.TUNED, {"base": "base-two"}),
        (TUNED, ModelKind.TUNED, {"organization": "other"}),
        (TUNED, ModelKind.TUNED, {"job_id": ""}),
    ],
)
def test_lineage_that_does_not_fit(
    model_id: str, kind: ModelKind, changes: dict[str, object]
) -> None:
    with pytest.raises(RuleBroken):
        check_lineage(model_id, kind, **{**GOOD, **changes})  # type: ignore[arg-type]


def test_a_digest_needs_the_pepper() -> None:
    one = keys.digest(b"pepper", "sk-secret")
    assert len(one) == 32
    assert one != keys.digest(b"other", "sk-secret")
    assert one != keys.digest(b"pepper", "sk-secreT")


def test_the_public_prefix_gives_little_away() -> None:
    assert keys.public_prefix("sk-argosy-0123456789abcdef") == "sk-argos"
    assert keys.public_prefix("short") == "s"


def test_pages() -> None:
    assert page("", 0, ascending=False, default=20, maximum=100).limit == 20
    for limit in (-1, 101):
        with pytest.raises(RuleBroken, match="between 1 and 100"):
            page("", limit, ascending=False, default=20, maximum=100)
