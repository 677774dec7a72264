"""docs/spend.md is run: its Python blocks one after another, its shell blocks beside them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import openai
import pytest

from tests.harness.api_fleet import ApiFleet
from tests.harness.cluster import MODEL, ROOT
from tests.harness.waiting import wait_until

GUIDE = (ROOT / "docs" / "spend.md").read_text()
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def ran(fleet: ApiFleet) -> Any:
    """Run the guide; return what its blocks have named. What it made is taken away again."""
    named: dict[str, Any] = {"KEY": fleet.key, "ADMIN_KEY": fleet.key}
    environment = {"ARGOSY_URL": fleet.cluster.url(), "ADMIN_KEY": fleet.key}
    printed = []
    for language, text in BLOCKS:
        if language == "python":
            code = text.replace("http://127.0.0.1:8000", fleet.cluster.url())
            exec(compile(code, "docs/spend.md", "exec"), named)  # noqa: S102 - our own guide
        else:
            done = subprocess.run(
                ["/bin/bash", "-euo", "pipefail", "-c", text],
                env=os.environ | environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
    named["printed"] = printed
    yield named
    with fleet.http() as client:
        for price in client.get("/v1/organization/prices").json()["data"]:
            client.delete(f"/v1/organization/prices/{price['id']}")
    named["organization"].projects.archive(named["project"].id)


def test_a_team_lead_caps_a_projects_spend(fleet: ApiFleet, ran: dict[str, Any]) -> None:
    organization, project = ran["organization"], ran["project"]
    assert {language for language, _ in BLOCKS} == {"python", "sh"}
    assert organization.projects.spend_limit.retrieve(project.id).threshold_amount == 10_000
    assert ran["secret"].startswith("whsec_")
    with pytest.raises(openai.InvalidWebhookSignatureError):
        ran["on_hook"](b"{}", {
            "webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,AA=="
        })  # fmt: skip
    listed = json.loads(ran["printed"][0].partition("}{")[2].join(("{", "")))
    by_name = {p.get("model") or p.get("pool"): p for p in listed["data"]}
    assert by_name[MODEL]["output"] == 0.4
    assert by_name[MODEL]["embedding"] == 0.1
    assert by_name["trainer"]["day"] == 250
    assert json.loads(ran["printed"][1])["object"] == "page"
    assert not ran["ask"]("Ahoy!").startswith("insufficient_quota")

    # The day's cap holds to the request, by today's price: ten thousand for a million tokens.
    dear = {"model": MODEL, "valid_from": "2026-01-02", "input": 10_000, "output": 10_000}
    set_: Any = ran["client"].post("/organization/prices", cast_to=object, body=dear)
    capped = {"argosy": {"limits": {"micros_per_day": 1_000}}}
    organization.projects.update(project.id, extra_body=capped)
    refused = wait_until(
        lambda: said if (said := ran["ask"]("Ahoy!")).startswith("insufficient_quota") else "",
        15,
        "the cap to hold",
    )
    assert "millionths of the currency unit per day" in refused
    gone = ran["client"].delete(f"/organization/prices/{set_['id']}", cast_to=object)
    assert gone["deleted"]
    with pytest.raises(openai.NotFoundError):
        ran["client"].delete(f"/organization/prices/{set_['id']}", cast_to=object)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": 1}, "model"),
        ({"model": "m", "pool": "p"}, "model"),
        ({"model": "m", "hour": 1}, "hour"),
        ({"pool": "p", "input": 1}, "input"),
        ({"pool": "p", "hour": 1, "day": 1}, "hour"),
        ({"model": "m", "input": -1}, "input"),
        ({"model": "m", "input": 10_001}, "input"),
        ({"model": "m", "valid_from": "2026-02-30"}, "valid_from"),
        ({"model": "m", "colour": 1}, "colour"),
        # Names of nothing: such a price would never be charged.
        ({"model": "smollm2-135m-instrct", "input": 1}, "model"),
        ({"pool": "mian", "hour": 1}, "pool"),
    ],
)
def test_a_wrong_price_names_the_field(fleet: ApiFleet, body: dict[str, Any], param: str) -> None:
    with fleet.http() as client:
        answer = client.post("/v1/organization/prices", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_prices_are_listed_page_by_page(fleet: ApiFleet) -> None:
    path = "/v1/organization/prices"
    with fleet.http() as client:
        made = [
            client.post(
                path, json={"pool": "trainer", "hour": hour, "valid_from": f"2031-01-0{hour}"}
            )
            for hour in (1, 2, 3)
        ]
        try:
            whole = client.get(path).json()
            assert whole["has_more"] is False
            ids = [each["id"] for each in whole["data"]]
            assert {each.json()["id"] for each in made} <= set(ids)
            found: list[str] = []
            while True:
                after = {"after": found[-1]} if found else {}
                page = client.get(path, params={"limit": 2, **after}).json()
                found += [each["id"] for each in page["data"]]
                assert len(page["data"]) <= 2
                if not page["has_more"]:
                    break
            assert found == ids
            for name, value, status in (("limit", "0", 400), ("after", "price_none", 404)):
                refused = client.get(path, params={name: value})
                assert refused.status_code == status, refused.text
                assert refused.json()["error"]["param"] == name
        finally:
            for each in made:
                client.delete(f"{path}/{each.json()['id']}")
