"""A company that has nothing yet: from an empty folder through `config init` to a first call and a first month."""

import csv
import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from chargeback.settings import DEPLOYED_CONFIG
from stack.bicep.compiler import GIVEN, evaluate
from stack.bicep.files import INFRA
from stack.clear import clear_stores
from stack.stack import Stack
from tests.infra.evaluated import needs_compiler
from tests.support.command_line import output_of

TEAM = "Claims handling"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the company has written an hour after it began: the product's tree and the answers to a few questions."""
    tree = tmp_path_factory.mktemp("greenfield")
    shutil.copytree(DEPLOYED_CONFIG / "provider", tree / "config/provider")
    folder = str(tree / "config")
    answers = f"francecentral\ngpt-5.4\nDataZoneStandard\n{TEAM}\n"
    told = output_of("config", "init", stdin=answers.encode(), CHARGEBACK_CONFIG_DIR=folder)
    checked = output_of("config", "validate", CHARGEBACK_CONFIG_DIR=folder)
    assert "input_tokens 2.75, cached_input_tokens 0.275, output_tokens 16.5 USD per million" in told
    assert "claims-handling is paid by claims-handling" in checked
    return tree / "config"


@needs_compiler
def test_the_deployment_has_the_one_account_the_one_gateway_and_the_one_team(config: Path) -> None:
    tree = config.parent
    for part in ("infra", "apim-policies"):
        shutil.copytree(INFRA.parent / part, tree / part)

    deployed = evaluate({**GIVEN, "location": "francecentral", "profile": "trial"}, tree / "infra/main.bicep")

    assert deployed.warnings == []
    (account,) = deployed.of("Microsoft.CognitiveServices/accounts")
    (service,) = deployed.of("Microsoft.ApiManagement/service")
    (team,) = deployed.of("Microsoft.ApiManagement/service/subscriptions")
    assert (account["location"], service["location"]) == ("francecentral", "francecentral")
    assert team["properties"]["displayName"] == TEAM


@pytest.fixture(scope="module")
def running(stack: Stack, config: Path) -> Iterator[Stack]:
    """The local stack with this company's gateway and account."""
    clear_stores(stack)
    with Stack(services=["functions", "eventGrid", "accounts", "gateway"], beside=stack, config=config) as servers:
        yield servers


@pytest.mark.servers
def test_the_first_call_is_in_the_csv_of_the_first_month(running: Stack, config: Path, tmp_path: Path) -> None:
    state = running.site.state
    client = OpenAI(
        base_url=f"{json.loads((state / 'gateway.json').read_text())['regions']['francecentral']}/openai/v1",
        api_key="unused",
        default_headers={"api-key": json.loads((state / "gateway-keys.json").read_text())["claims-handling"]},
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )
    with client:
        answer = client.responses.create(model="gpt-5.4", input="Is hail covered?")
    month = f"{datetime.now(UTC):%Y-%m}"

    rows: list[dict[str, str]] = []
    ends = time.monotonic() + 60  # the event is on its way
    while not rows and time.monotonic() < ends:
        output_of("post", CHARGEBACK_CONFIG_DIR=str(config))
        output_of("publish", month, "--out-dir", str(tmp_path), "--overwrite", CHARGEBACK_CONFIG_DIR=str(config))
        with (tmp_path / month / f"chargeback-{month}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))

    assert answer.usage is not None
    paid = {row["meter"]: row for row in rows if Decimal(row["cost"] or 0)}
    assert {row["cost_centre"] for row in rows} == {"claims-handling"}
    assert {row["state"] for row in rows} == {"exact"}
    assert {row["region"] for row in rows} == {"francecentral"}
    assert Decimal(paid["output_tokens"]["list_unit_price"]) == Decimal("16.5")
    assert sum(int(row["quantity"]) for row in rows if row["unit"] == "tokens") == answer.usage.total_tokens
