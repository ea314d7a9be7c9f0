"""`alerts test` sends one message, says what to look for, and says plainly what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from chargeback.adapters.config.folders import path_of
from chargeback.cli.exit_codes import ExitCode
from stack.stack import Stack
from tests.conftest import CERTIFICATES
from tests.support.command_line import chargeback, output_of
from tests.support.config_files import config_folder

pytestmark = pytest.mark.servers
HERE = {
    "API_CLIENT_ID": "",
    "CHARGEBACK_STORAGE_ACCOUNT_URL": "https://127.0.0.1:1/account",
    "CHARGEBACK_COSMOS_ENDPOINT": "https://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def services() -> Iterator[Stack]:
    with Stack(services=["channels"], certs=Path(CERTIFICATES.name)) as servers:
        yield servers


@pytest.fixture
def environment(services: Stack, tmp_path: Path) -> dict[str, str]:
    folder = config_folder(tmp_path)
    channels = [*services.site.channel_access.channels, {"id": "topic", "kind": "events"}]
    document = {"allowedHosts": ["localhost"], "channels": channels, "subscriptions": []}
    path_of(folder, "alerts.yaml").write_text(yaml.safe_dump(document))
    settings = services.site.channel_access.environment
    return {"CHARGEBACK_CONFIG_DIR": str(folder), **HERE, **settings}


def shown(services: Stack) -> list[dict[str, Any]]:
    with urlopen(f"{services.url('channels').replace('127.0.0.1', 'localhost')}/shown") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


@pytest.mark.parametrize("channel", ["teams", "slack", "paging", "webhook", "smtp"])
def test_a_test_reaches_the_channel_and_says_what_to_look_for(
    services: Stack, environment: dict[str, str], channel: str
) -> None:
    output = output_of("alerts", "test", channel, **environment)

    assert output.startswith(f"{channel}: the service took the message.\nLook for: ")
    assert shown(services)[-1]["service"] == channel
    assert "test" in shown(services)[-1]["text"].lower()


def test_it_answers_in_json(environment: dict[str, str]) -> None:
    answer = json.loads(output_of("alerts", "test", "paging", "--json", **environment))

    assert answer["channel"] == "paging"
    assert "priority P5" in answer["lookFor"]


def test_a_channel_that_nobody_named_is_an_error_of_usage(environment: dict[str, str]) -> None:
    code, _, errors = chargeback("alerts", "test", "nobody", **environment)

    assert code == ExitCode.USAGE
    assert "there are teams, slack, paging, webhook, email, smtp, topic" in errors


def test_a_channel_that_does_not_take_it_is_a_failure_with_its_reason(environment: dict[str, str]) -> None:
    environment["ALERT_SECRETS"] = json.dumps({"alerts-paging": "wrong"})

    assert chargeback("alerts", "test", "paging", **environment)[0] == ExitCode.FAILED
    assert "answered 403" in chargeback("alerts", "test", "paging", **environment)[2]
    assert "the secret alerts-slack is not set" in chargeback("alerts", "test", "slack", **environment)[2]


def test_what_is_not_set_up_is_said(environment: dict[str, str]) -> None:
    environment |= {"COMMUNICATION_ENDPOINT": "", "ALERT_SECRETS": json.dumps({"alerts-webhook": "short"})}

    assert (
        "COMMUNICATION_ENDPOINT and ALERT_SENDER are not set" in chargeback("alerts", "test", "email", **environment)[2]
    )
    assert "ALERTS_TOPIC_ENDPOINT is not set" in chargeback("alerts", "test", "topic", **environment)[2]
    code, _, errors = chargeback("alerts", "test", "webhook", **environment)
    assert (code, "short" in errors.replace("whsec_", "")) == (ExitCode.FAILED, False)


@pytest.mark.parametrize(
    "deployed", [{"WEBSITE_INSTANCE_ID": "1"}, {"CHARGEBACK_COSMOS_ENDPOINT": "https://a.documents.azure.com"}]
)
def test_this_machine_is_called_only_where_the_stores_are_and_not_from_azure(
    services: Stack, environment: dict[str, str], deployed: dict[str, str]
) -> None:
    before = len(shown(services))

    code, _, errors = chargeback("alerts", "test", "webhook", **{**environment, **deployed})

    assert code == ExitCode.FAILED
    assert "localhost does not lead to the internet" in errors.replace("\n", " ")
    assert len(shown(services)) == before
