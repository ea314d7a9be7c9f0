"""With the real openai package: deployments of any name, upgrades, a router and tools cost what really answered."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import total
from chargeback.domain.usage.meters import Meter
from tests.policies.engines import Engines, Loop
from tests.policies.whole_path import WholePath
from tests.support.catalogues import START, dated
from tests.support.company import CONFIG

OF_ANY_NAME = [
    {"name": "gpt-5-01", "model": "gpt-4.1", "version": "2025-04-14", "type": "GlobalStandard", "capacity": 10},
    {"name": "o3-2025-04-16", "model": "gpt-4.1", "version": "2025-04-14", "type": "GlobalStandard", "capacity": 10},
    {"name": "chat", "model": "model-router", "version": "2025-11-18", "type": "GlobalStandard", "capacity": 10},
    {"name": "draw", "model": "gpt-image-1", "version": "2025-04-15", "type": "GlobalStandard", "capacity": 10},
]
PRICES = {
    ("gpt-4.1", "2025-04-14"): {Meter.INPUT: "2.00", Meter.OUTPUT: "8.00"},
    ("gpt-4.1", "2025-09-01"): {Meter.INPUT: "3.00", Meter.OUTPUT: "9.00"},
    ("gpt-4.1-nano", "2025-04-14"): {Meter.INPUT: "0.10", Meter.OUTPUT: "0.40"},
    ("gpt-image-1", ""): {Meter.OUTPUT_IMAGE: "40"},
    ("", ""): {Meter.CODE_INTERPRETER: "30000"},
}


@pytest.fixture
def whole_path(engines: tuple[Engines, Loop], tmp_path: Path) -> Iterator[WholePath]:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    document = yaml.safe_load(path_of(config, "deployments.yaml").read_text("utf-8"))
    for deployments in document["deploymentSets"].values():
        deployments += OF_ANY_NAME
    path_of(config, "deployments.yaml").write_text(yaml.safe_dump(document), "utf-8")
    whole_path = WholePath(engines[1], tmp_path, config=config)
    yield whole_path
    whole_path.close()


def costs(whole_path: WholePath) -> dict[tuple[str, str], Decimal | str]:
    """What the books say of each deployment: by it and the model that answered, the cost or why there is none."""
    prices = [
        dated(meter, (START, amount), model=model, version=version)
        for (model, version), meters in PRICES.items()
        for meter, amount in meters.items()
    ]
    of_files = load_catalogue(whole_path.config)
    whole = {key: value for each in prices for key, value in each.items()}
    catalogue = Catalogue("USD", whole, of_files.deployments, of_files.allocation)
    found: dict[tuple[str, str], Decimal | str] = {}
    for record in whole_path.records(catalogue):
        lacking = sorted(charge.meter for charge in record.charges if charge.state == "unpriced")
        cost = total([charge.cost for charge in record.charges if charge.cost is not None])
        found[record.line.deployment, record.line.model] = f"without {', '.join(lacking)}" if lacking else cost
    return found


def cost(usage: Any, model: tuple[str, str]) -> Decimal:
    prices = PRICES[model]
    tokens = {Meter.INPUT: usage.input_tokens, Meter.OUTPUT: usage.output_tokens}
    return sum((Decimal(prices[meter]) * tokens[meter] / 1_000_000 for meter in tokens), Decimal(0))


def test_a_response_costs_what_served_it_whatever_the_deployment_is_called(whole_path: WholePath) -> None:
    with whole_path.v1() as client:
        before = client.responses.create(model="gpt-5-01", input="hello")
        alike = client.responses.create(model="o3-2025-04-16", input="hello there")
        for account in whole_path.backends.accounts.values():
            account.deployments["gpt-5-01"]["upgraded"] = "2025-09-01"
        after = client.responses.create(model="gpt-5-01", input="hello again")
        routed = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hello"}])
    whole_path.sent()

    assert (before.model, alike.model) == ("gpt-5-01", "o3-2025-04-16")
    assert routed.model == "gpt-4.1-nano-2025-04-14"
    assert costs(whole_path) == {
        ("gpt-5-01", "gpt-4.1-2025-04-14"): cost(before.usage, ("gpt-4.1", "2025-04-14")),
        ("o3-2025-04-16", "gpt-4.1-2025-04-14"): cost(alike.usage, ("gpt-4.1", "2025-04-14")),
        ("gpt-5-01", "gpt-4.1-2025-09-01"): cost(after.usage, ("gpt-4.1", "2025-09-01")),
        ("chat", "gpt-4.1-nano-2025-04-14"): "without router_input_tokens",
    }


def test_a_stream_of_a_deployment_of_another_name_is_settled_and_priced(whole_path: WholePath) -> None:
    with whole_path.v1() as client:
        events = list(client.responses.create(model="o3-2025-04-16", input="hello there", stream=True))
    whole_path.sent()

    whole_path.settle()

    found = costs(whole_path)
    assert found == {
        ("o3-2025-04-16", "gpt-4.1-2025-04-14"): cost(events[-1].response.usage, ("gpt-4.1", "2025-04-14"))
    }


def test_the_tools_of_a_response_are_paid_in_addition_to_its_tokens(whole_path: WholePath) -> None:
    """A session of 0.03, and a picture of high quality of 4 160 tokens at 40 per million: 0.1664."""
    tools: list[Any] = [
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation", "quality": "high"},
    ]
    with whole_path.v1() as client:
        drawn = client.responses.create(
            model="gpt-5-01",
            input="draw",
            tools=tools,
            extra_headers={"x-ms-oai-image-generation-deployment": "draw"},
        )
    (event,) = whole_path.sent()

    assert event["data"]["tools"] == {"code_interpreter_call": 1, "image_generation_call:1024x1024/high": 1}
    tokens = cost(drawn.usage, ("gpt-4.1", "2025-04-14"))
    assert costs(whole_path) == {("gpt-5-01", "gpt-4.1-2025-04-14"): tokens + Decimal("0.03") + Decimal("0.1664")}
