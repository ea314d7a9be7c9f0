"""By which keys a call finds what budgets decided about it, as the books tell usage apart."""

from urllib.parse import quote

import pytest

from chargeback.domain.events.documents import Data
from chargeback.domain.events.line_of_event import line_of
from chargeback.domain.usage.states import LineState
from stack.gateway.named_values import load_config as definitions
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, product
from tests.policies.search_calls import SEARCH, respond
from tests.support.company import CONFIG


def test_a_claimed_name_in_the_form_of_an_object_id_is_nobodys(one_region: OneRegion) -> None:
    victim = "3f0c2f04-0f5e-4f0b-9a41-6a2f3f1c9d11"
    one_region.decide_budgets(f"user/{victim}:action=refuse|budget=ada")

    answer = one_region.client.post(
        "/v1/responses", json={"model": "gpt-4o", "input": "hi"}, headers={**SEARCH, "x-username": victim}
    )

    assert answer.status_code == 200


def test_a_decision_about_an_application_is_known_by_tenant_and_application(one_region: OneRegion) -> None:
    one_region.decide_budgets("app/11111111-2222-3333-4444-555555555555/app-1:action=refuse")
    token = one_region.token(roles=["standard"])

    answer = one_region.client.post(
        "/v1/responses", json={"model": "gpt-4o"}, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 403
    assert respond(one_region).status_code == 200


@pytest.mark.parametrize(
    "key",
    ["user/oid-1", "user/ada", "model/gpt-4o", "all", "unallocated", "tenant/11111111-2222-3333-4444-555555555555#3"],
)
def test_a_decision_is_found_by_each_of_its_keys(one_region: OneRegion, key: str) -> None:
    one_region.decide_budgets(f"{key}:action=warn|budget=found")
    token = one_region.token(roles=["standard"])
    headers = {"Authorization": f"Bearer {token}", "x-username": "ada"}

    answer = one_region.client.post("/v1/responses", json={"model": "gpt-4o"}, headers=headers)

    assert answer.headers["x-budget-state"] == "warn; budget=found"


def test_a_model_is_known_by_its_base_name_whatever_its_deployment_is_called(make_region: MakeRegion) -> None:
    whole = definitions(CONFIG)
    sets = {
        name: [*each, {"name": "Our-Best", "model": "GPT-4o", "type": "DataZoneStandard"}]
        for name, each in whole["deploymentSets"].items()
    }
    one_region = make_region(
        config={"deploymentSets": sets, "products": [product(aliases={"best": {"*": "Our-Best"}})]}
    )
    one_region.decide_budgets("model/gpt-4o:action=warn|budget=models")

    told = [respond(one_region, model=name).headers.get("x-budget-state") for name in ("best", "our-best", "gpt-4.1")]

    assert told == ["warn; budget=models", "warn; budget=models", None]


def test_the_first_rule_that_a_call_matches_decides_as_in_the_books(one_region: OneRegion) -> None:
    one_region.decide_budgets(
        "subscription/search#0&billingCode/VOICE%20%26%20B:action=refuse|budget=voice",
        "subscription/search#1:action=allow",
        "product/standard#2:action=refuse|budget=late",
        "unallocated:action=refuse|budget=rest",
    )

    told = [
        one_region.client.post("/v1/responses", json={"model": "gpt-4o"}, headers={**SEARCH, "x-billing-code": code})
        for code in ("VOICE & B", "VOICE", "")
    ]

    assert [answer.status_code for answer in told] == [403, 200, 200]
    assert one_region.chat("key-research").json()["error"]["message"].startswith("The budget late ")


@pytest.mark.parametrize("code", ["VO\u0049CE\u0301", "  VOICE\u0301", "\U0001f600"])
def test_a_claimed_tag_is_compared_as_the_books_see_it(one_region: OneRegion, code: str) -> None:
    seen = line_of(Data("chat.completions", billing_code=code.strip()), "", "", LineState.EXACT).billing_code
    one_region.decide_budgets(f"subscription/search#0&billingCode/{quote(seen, safe='')}:action=warn|budget=tagged")

    answer = one_region.client.post(
        "/v1/responses", params={"billingCode": code.strip()}, json={"model": "gpt-4o"}, headers=SEARCH
    )

    assert answer.headers.get("x-budget-state") == "warn; budget=tagged"
