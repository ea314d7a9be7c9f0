"""What a product may reach: residency of processing, tools, models and operations."""

from typing import Any

import httpx
import pytest

from stack.gateway.named_values import load_config as definitions
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion, product
from tests.support.admitted_calls import LEGAL, NAMES, SEARCH, refused, respond
from tests.support.company import CONFIG

# Residency


@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-4o-transcribe"])
def test_a_resident_product_never_reaches_a_deployment_that_is_processed_anywhere(
    one_region: OneRegion, model: str
) -> None:
    answer = one_region.client.post("/v1/images/generations", json={"model": model, "prompt": "a"}, headers=LEGAL)

    message = refused(one_region, answer, "deployment_not_resident")
    offered = message.split("It may use: ")[1].rstrip(".").split(", ")
    assert "gpt-4o" in offered
    assert not {"gpt-image-1", "gpt-4o-transcribe"} & set(offered)


def test_a_resident_product_reaches_the_accounts_that_process_at_home_and_no_other(make_region: MakeRegion) -> None:
    sets = {name: [dict(each) for each in found] for name, found in definitions(CONFIG)["deploymentSets"].items()}
    next(each for each in sets[EU[0]] if each["name"] == "gpt-4o")["type"] = "GlobalProvisionedManaged"
    one_region = make_region(config={"deploymentSets": sets})
    one_region.script(EU[1], status=503, body=b"{}")

    answer = one_region.chat("key-legal")

    assert answer.status_code == 503
    assert [seen.account for seen in one_region.seen] == [EU[1]]


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search"},
        {"type": "web_search_preview"},
        {"type": "web_search_2025_08_26"},
        {"type": "web_search_preview_2025_03_11"},
        {"type": "mcp", "server_url": "https://elsewhere.example"},
        {"type": "tool_of_next_year"},
    ],
)
def test_a_tool_that_leaves_the_geography_is_refused_by_name(one_region: OneRegion, tool: dict[str, Any]) -> None:
    answer = respond(one_region, tools=[{"type": "function", "name": "f"}, tool])

    message = refused(one_region, answer, "tool_not_allowed")
    assert tool["type"] in message
    assert "file_search" in message


@pytest.mark.parametrize("body", [{"web_search_options": {}}, {"data_sources": [{"type": "azure_search"}]}])
def test_what_chat_calls_search_with_is_a_tool_too(one_region: OneRegion, body: dict[str, Any]) -> None:
    refused(one_region, one_region.chat("key-legal", **body), "tool_not_allowed")


def test_tools_that_stay_on_the_account_are_passed_on(one_region: OneRegion) -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "computer_use_preview"}, {"type": "code_interpreter"}]

    assert respond(one_region, tools=tools).status_code == 200


def test_a_product_without_residency_may_use_any_tool(one_region: OneRegion) -> None:
    assert respond(one_region, SEARCH, tools=[{"type": "web_search"}, {"type": "mcp"}]).status_code == 200


def test_a_product_may_name_the_tools_that_it_allows(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(tools=["function", "web_search"])]})

    assert respond(one_region, SEARCH, tools=[{"type": "web_search_preview"}]).status_code == 200
    one_region.seen.clear()
    one_region.event()
    refused(one_region, respond(one_region, SEARCH, tools=[{"type": "mcp"}]), "tool_not_allowed")


@pytest.mark.parametrize("header", ["x-ms-oai-image-generation-deployment", "X-MS-Spillover-Deployment"])
def test_a_deployment_that_a_header_names_is_held_to_the_same(one_region: OneRegion, header: str) -> None:
    answer = respond(one_region, {**LEGAL, header: "gpt-image-1"}, tools=[{"type": "image_generation"}])

    assert "gpt-image-1" in refused(one_region, answer, "deployment_not_resident")
    assert "gpt-9" in refused(one_region, respond(one_region, {**SEARCH, header: "gpt-9"}), "DeploymentNotFound", 404)


def test_a_header_that_names_an_allowed_deployment_is_passed_on_and_unknown_ones_are_not(one_region: OneRegion) -> None:
    headers = {
        "x-ms-oai-image-generation-deployment": "gpt-image-1",
        "x-ms-client-request-id": "mine",
        "x-ms-something": "1",
        "X-Ms-Other-Thing": "2",
        "x-msft": "kept",
    }

    respond(one_region, {**SEARCH, **headers})

    (seen,) = one_region.seen
    passed = {name.lower(): value for name, value in seen.headers.items() if name.lower().startswith("x-ms")}
    assert passed == {
        "x-ms-oai-image-generation-deployment": "gpt-image-1",
        "x-ms-client-request-id": "mine",
        "x-msft": "kept",
    }


def test_many_unknown_headers_are_stripped_as_well(one_region: OneRegion) -> None:
    respond(one_region, {**SEARCH, **{f"x-ms-unknown-{number}": "1" for number in range(30)}})

    assert not [name for name in one_region.seen[0].headers if name.lower().startswith("x-ms-unknown")]


def batches(make_region: MakeRegion, *types: str) -> OneRegion:
    """A gateway whose first account in the EU has these types of batch deployments, and whose residents may batch."""
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[EU[0]] += [{**sets[EU[0]][0], "name": f"batch-{kind}", "type": kind} for kind in types]
    products = [product(), product("europe-resident", operations=["batches", "responses"])]
    return make_region(config={"deploymentSets": sets, "products": products})


@pytest.mark.parametrize("types", [(), ("GlobalBatch",), ("DataZoneBatch", "GlobalBatch")])
def test_a_batch_that_could_run_abroad_is_refused(make_region: MakeRegion, types: tuple[str, ...]) -> None:
    one_region = batches(make_region, *types)

    answer = one_region.client.post("/v1/batches", json={"input_file_id": "file-1"}, headers=LEGAL)

    assert "DataZoneBatch" in refused(one_region, answer, "batches_not_resident")


def test_a_batch_that_runs_at_home_is_passed_on(make_region: MakeRegion) -> None:
    one_region = batches(make_region, "DataZoneBatch")
    one_region.owned("file-1", "batch_1", by="legal", product="europe-resident")

    assert one_region.client.post("/v1/batches", json={"input_file_id": "file-1"}, headers=LEGAL).status_code == 200
    assert one_region.client.get("/v1/batches/batch_1", headers=LEGAL).status_code == 200


def test_a_batch_deployment_serves_no_ordinary_call(make_region: MakeRegion) -> None:
    one_region = batches(make_region, "GlobalBatch")

    answer = one_region.client.post("/v1/responses", json={"model": "batch-GlobalBatch"}, headers=SEARCH)

    assert "batch-GlobalBatch is not served from here" in not_served(answer)
    assert one_region.seen == []


def test_a_deployment_of_another_geography_that_calls_may_not_reach_is_not_waited_for(make_region: MakeRegion) -> None:
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[US[0]] += [{**sets[US[0]][0], "name": "gpt-us"}]
    alone = [{**each, "failover": []} for each in definitions(CONFIG)["geographies"]]
    one_region = make_region(config={"deploymentSets": sets, "geographies": alone})

    answer = one_region.client.post("/v1/chat/completions", json={"model": "gpt-us", "messages": []}, headers=SEARCH)

    assert "gpt-us is not served from here" in not_served(answer)
    assert one_region.event()["type"] == "chargeback.usage.rejected.v1"
    assert one_region.seen == []


def not_served(answer: httpx.Response) -> str:
    """What the caller is told of a deployment that no account may serve."""
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "DeploymentNotFound")
    assert answer.headers["x-should-retry"] == "false"
    assert "Retry-After" not in answer.headers
    return str(error["message"])


@pytest.mark.parametrize(("training", "status"), [("GlobalStandard", 403), ("Developer", 403), ("Standard", 200)])
def test_training_of_a_resident_product_stays_in_its_region(one_region: OneRegion, training: str, status: int) -> None:
    body = {"model": "gpt-4.1", "training_file": "file-1", "trainingType": training}
    one_region.owned("file-1", by="legal", product="europe-resident")

    answer = one_region.client.post("/v1/fine_tuning/jobs", json=body, headers=LEGAL)

    assert answer.status_code == status


@pytest.mark.parametrize(
    "own", [{"trainingType": 1}, {"trainingType": ["GlobalStandard"]}, {"TrainingType": "Standard"}]
)
@pytest.mark.parametrize("headers", [LEGAL, SEARCH])
def test_a_training_type_that_cannot_be_told_is_refused(
    one_region: OneRegion, headers: dict[str, str], own: dict[str, Any]
) -> None:
    body = {"model": "gpt-4.1", "training_file": "file-1", **own}

    answer = one_region.client.post("/v1/fine_tuning/jobs", json=body, headers=headers)

    refused(one_region, answer, "invalid_training_type", 400)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"models": ["gpt-4o"]}, 403),
        ({"tools": ["function"]}, 403),
        ({"models": ["gpt-4o"], "operations": ["batches", "responses"]}, 200),
        ({}, 200),
    ],
)
def test_batches_are_begun_by_a_product_with_limits_only_where_it_says_so(
    make_region: MakeRegion, changes: dict[str, Any], status: int
) -> None:
    one_region = make_region(config={"products": [product(**changes)]})
    one_region.owned("file-1")

    answer = one_region.client.post("/v1/batches", json={"input_file_id": "file-1"}, headers=SEARCH)

    assert answer.status_code == status
    if status == 403:
        assert "does not read the lines of a batch" in refused(one_region, answer, "batches_not_allowed")


@pytest.mark.parametrize(("headers", "kind"), [(LEGAL, "DataZoneStandard"), (SEARCH, None)])
@pytest.mark.parametrize("header", ["x-ms-oai-image-generation-deployment", "X-MS-Spillover-Deployment"])
def test_a_call_goes_where_the_deployment_of_its_header_may_be_used(
    make_region: MakeRegion, headers: dict[str, str], kind: str | None, header: str
) -> None:
    sets = {name: [dict(each) for each in found] for name, found in definitions(CONFIG)["deploymentSets"].items()}
    for account in EU:
        sets[account] = [each for each in sets[account] if each["name"] != "gpt-image-1"]
    painter = {**sets[EU[0]][0], "name": "gpt-image-1", "type": kind or "GlobalStandard"}
    sets[EU[1]].append(painter)
    if kind:
        sets[EU[0]].append({**painter, "type": "GlobalStandard"})
    one_region = make_region(config={"deploymentSets": sets})

    assert respond(one_region, {**headers, header: "gpt-image-1"}).status_code == 200
    assert [seen.account for seen in one_region.seen] == [EU[1]]


def test_a_product_may_ask_for_a_gateway_in_its_residency(make_region: MakeRegion) -> None:
    products = [product(), product("europe-resident", localGatewayOnly=True)]
    abroad = make_region(region="eastus2", config={"products": products})

    assert "swedencentral" in refused(abroad, abroad.chat("key-legal"), "gateway_not_resident")
    assert make_region(config={"products": products}).chat("key-legal").status_code == 200


# Allow-lists


def test_a_model_that_is_not_on_the_list_is_refused_with_the_list(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(models=["gpt-4o", "fast"], aliases=NAMES)]})

    message = refused(one_region, one_region.chat(path="/deployments/gpt-4.1/chat/completions"), "model_not_allowed")

    assert message.endswith("It may use: fast, gpt-4o.")
    assert one_region.chat().status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/responses", True), ("/v1/embeddings", False), ("/v1/files", False)]
)
def test_operations_are_an_allow_list(make_region: MakeRegion, path: str, *, allowed: bool) -> None:
    one_region = make_region(config={"products": [product(operations=["responses", "chat.completions", "images"])]})

    answer = one_region.client.post(path, json={"model": "gpt-4o"}, headers=SEARCH)

    if allowed:
        assert answer.status_code == 200
    else:
        assert "responses, chat.completions, images" in refused(one_region, answer, "operation_not_allowed")


def test_a_family_of_operations_is_allowed_by_its_name(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(operations=["images"])]})

    answer = one_region.client.post("/v1/images/generations", json={"model": "gpt-image-1"}, headers=SEARCH)

    assert answer.status_code == 200


def test_a_large_company_is_served(make_region: MakeRegion) -> None:
    """50 accounts with 50 deployments each, 200 products: what the tables hold is what a call finds."""
    names = [f"team-{number:02}-gpt-5.4" for number in range(50)]
    sets = {"all": [{"name": name, "type": "DataZoneStandard"} for name in names]}
    first, last = definitions(CONFIG)["accounts"][0], definitions(CONFIG)["accounts"][2]
    accounts = [
        {**first, "account": f"oai-{number:02}", "priority": number + 1, "deployments": "all"} for number in range(49)
    ]
    products = [product(f"department-{number:03}", models=[names[number % 50]]) for number in range(199)]
    config = {
        "accounts": [*accounts, {**last, "deployments": "all"}],
        "deploymentSets": sets,
        "products": [*products, product(models=[names[49]])],
    }
    one_region = make_region(config=config)
    one_region.script("oai-00", "oai-01", status=429, body=b"{}")

    assert respond(one_region, SEARCH, model=names[49]).status_code == 200
    assert [seen.account for seen in one_region.seen] == ["oai-00", "oai-01", "oai-02"]
    one_region.event()
    one_region.seen.clear()
    refused(one_region, respond(one_region, SEARCH, model=names[0]), "model_not_allowed")
