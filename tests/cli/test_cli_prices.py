"""The commands that need no store: the rate card checked, and compared with the provider's price list."""

import json
import re
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import yaml
from typer.testing import CliRunner, Result

from chargeback.adapters.config.folders import path_of
from chargeback.cli import app, prices
from chargeback.cli.config import ValidatedConfig
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG

S = TypeVar("S")

METERS = yaml.safe_load(path_of(EXAMPLE_CONFIG, "retail-meters.yaml").read_text())["meters"]
GPT_4O = next(each for each in METERS if each["name"] == "gpt 4o 1120 Inp glbl Tokens")
KEY = "azure-openai/gpt-4o/2024-11-20/GlobalStandard/default/input_tokens"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An answer in which GPT-4o became cheaper, and with a meter that nobody has looked up."""
    items = [
        {
            "meterId": meter_id,
            "meterName": name,
            "productName": "Azure OpenAI",
            "armRegionName": region,
            "unitOfMeasure": "1K",
            "retailPrice": 0.002,
            "currencyCode": "USD",
            "effectiveStartDate": "2026-10-01T00:00:00Z",
            "type": "Consumption",
            "tierMinimumUnits": 0.0,
        }
        for region, meter_id, name in [
            *((region, meter_id, GPT_4O["name"]) for region, meter_id in GPT_4O["meterIds"].items()),
            ("eastus2", "new", "gpt 7 Inp glbl Tokens"),
            ("brazilsouth", "far", "of a region without deployments"),
        ]
    ]
    file = tmp_path / "saved.json"
    file.write_text(json.dumps({"Items": items, "NextPageLink": None}))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def printed(kind: type[S], *arguments: object) -> S:
    """The document that a command prints with --json."""
    return msgspec.json.decode(run(*arguments, "--json").stdout, type=kind, strict=True)


def test_diff_says_what_changed_since_when_and_what_it_does_not_know(config: Path, saved: Path) -> None:
    result = run("prices", "diff", "--config-dir", config, "--from", saved)
    output = result.output
    found = printed(prices.ComparedPrices, "prices", "diff", "--config-dir", config, "--from", saved)

    assert result.exit_code == ExitCode.FINDINGS
    assert output.startswith(f"1 of the {found.in_force} prices in force on the card could be compared\n")
    assert found.compared + sum(each.prices for each in found.uncompared) == found.in_force
    assert {each.reason for each in found.uncompared} == {"not-in-list", "no-meter"}
    assert "0 prices are equal, 1 differ" in output
    assert f"  {KEY}: 2.5 on the card, 2 in the list since 2026-10-01" in output
    assert "1 meters are not in retail-meters.yaml:\n  Azure OpenAI, 1: gpt 7 Inp glbl Tokens\n" in output
    assert (
        f"  {KEY.replace('/default/input', '/default/output')}: eastus2, francecentral, swedencentral, westus3"
        in output
    )
    assert "brazilsouth" not in output


def test_a_region_may_be_asked_for_alone(config: Path, saved: Path) -> None:
    output = run("prices", "diff", "--config-dir", config, "--from", saved, "--region", "brazilsouth").output

    assert "0 prices are equal, 0 differ" in output
    assert "of a region without deployments" in output


def test_without_a_saved_answer_the_api_is_asked_for_every_region_with_a_deployment(config: Path, saved: Path) -> None:
    asked: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query)["$filter"][0])
            body = saved.read_bytes() if "'eastus2'" in asked[-1] else b'{"Items": [], "NextPageLink": null}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api/retail/prices"
        output = run("prices", "diff", "--config-dir", config, "--api", url).output
        server.shutdown()

    regions = ("eastus2", "francecentral", "swedencentral", "westus3")
    wanted = "serviceName eq 'Foundry Models' and armRegionName eq '{}' and priceType eq 'Consumption'"
    assert asked == [wanted.format(region) for region in regions]
    assert f"  {KEY}: 2.5 on the card, 2 in the list since 2026-10-01" in output


def test_a_proposal_is_a_file_that_nothing_applies(config: Path, saved: Path, tmp_path: Path) -> None:
    card = path_of(config, "rate-card.yaml").read_bytes()
    out = tmp_path / "proposal.yaml"

    output = run("prices", "propose", "--config-dir", config, "--from", saved, "--out", out).output

    proposed = yaml.safe_load(out.read_text())
    assert output.endswith(f"{out}: 1 to close, 1 to add, 0 to correct; review it\n")
    assert proposed["close"] == [{"priceId": f"{KEY}@2024-08-06T00Z", "effectiveTo": "2026-10-01T00:00:00Z"}]
    assert proposed["add"][0]["perMillion"] == {
        "input_tokens": "2",
        "cached_input_tokens": "1.25",
        "output_tokens": "10",
    }
    assert GPT_4O["meterIds"]["eastus2"] in proposed["add"][0]["source"]
    assert path_of(config, "rate-card.yaml").read_bytes() == card


def test_the_card_is_compared_with_the_committed_snapshot(config: Path) -> None:
    card = path_of(config, "rate-card.yaml")

    agreed = run("prices", "check", "--config-dir", config)
    card.write_text(card.read_text().replace('{input_tokens: "4.00", cached', '{input_tokens: "4.01", cached'))
    contradicted = run("prices", "check", "--config-dir", config)

    assert (agreed.exit_code, agreed.output) == (0, "153 prices of the snapshot are on the rate card\n")
    assert contradicted.exit_code == ExitCode.FINDINGS
    assert contradicted.output.splitlines()[0] == (
        "retail-snapshot.yaml:24: prices[4].perMillion.input_tokens: '5.6 sol ShortCo (Inp, Cd Inp, Cd Wr, Opt) Std Gl"
        " 1M Tokens' had 4 on 2026-09-01, the card 4.01"
    )


def test_validate_warns_of_a_deployment_without_a_price_and_ends_with_findings(config: Path) -> None:
    deployments = path_of(config, "dated-deployments.yaml")
    deployments.write_text(
        deployments.read_text().replace("name: gpt-4o, model: gpt-4o,", "name: gpt-4o, model: gpt-9,")
    )

    result = run("config", "validate", "--config-dir", config)

    assert result.exit_code == ExitCode.FINDINGS
    assert (
        "oai-eastus2/gpt-4o: no price covers gpt-9 (version 2024-11-20) as GlobalStandard in eastus2 now"
        in result.output
    )
    assert ": valid, " in result.output


def test_validate_warns_of_promises_that_end_and_of_prices_out_of_proportion_with_their_lines(config: Path) -> None:
    card = path_of(config, "rate-card.yaml")
    card.write_text(
        card.read_text().replace(
            'input_tokens: "1.25", output_tokens: "5.00"', 'input_tokens: "2.50", output_tokens: "5.00"'
        )
    )
    line = card.read_text().split('input_tokens: "2.50", output_tokens: "5.00"')[0].count("\n") - 1

    result = run("config", "validate", "--config-dir", config)

    assert result.exit_code == 0
    assert "prices of gpt-5.6-sol are promised until 2026-12-01T00Z only: read them again" in result.output
    assert f"warning: rate-card.yaml:{line}: prices[3]: azure-openai/gpt-4o/2024-11-20/GlobalBatch" in result.output
    assert "is not half of 2.5, azure-openai/gpt-4o/2024-11-20/GlobalStandard/default/input_tokens" in result.output
    assert re.search(r" prices in USD \(\d{3} api, \d{2,3} assumed, \d{3} third-party\), digest ", result.output)


def test_validate_checks_the_table_of_meters_with_the_rest(config: Path) -> None:
    for name, old, new in (
        ("retail-meters.yaml", "meter: images", "meter: pictures"),
        ("rate-card.yaml", "USD", "Dollar"),
    ):
        path_of(config, name).write_text(path_of(config, name).read_text().replace(old, new, 1))

    with pytest.raises(InvalidConfig) as caught:
        CliRunner().invoke(app, ["config", "validate", "--config-dir", str(config)], catch_exceptions=False)

    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["rate-card.yaml", "retail-meters.yaml"]
    path_of(config, "retail-meters.yaml").unlink()
    path_of(config, "rate-card.yaml").write_bytes(path_of(EXAMPLE_CONFIG, "rate-card.yaml").read_bytes())
    assert run("config", "validate", "--config-dir", config).exit_code == 0


def test_what_the_price_commands_print_as_json(config: Path, saved: Path, tmp_path: Path) -> None:
    compared = printed(prices.ComparedPrices, "prices", "diff", "--config-dir", config, "--from", saved)
    out = tmp_path / "new" / "proposal.yaml"
    proposed = printed(
        prices.ProposedPrices, "prices", "propose", "--config-dir", config, "--from", saved, "--out", out
    )
    checked = printed(prices.CheckedPrices, "prices", "check", "--config-dir", config)
    validated = printed(ValidatedConfig, "config", "validate", "--config-dir", config)

    (difference,) = compared.differences
    assert difference == prices.PriceDifference(KEY, on_card="2.5", in_list="2", currency="USD", since="2026-10-01")
    assert (compared.equal, [each.meter for each in compared.unknown]) == (0, ["gpt 7 Inp glbl Tokens"])
    assert compared.absent
    assert compared.refused == ()
    assert proposed == prices.ProposedPrices(str(out), close=1, add=1, correct=0)
    assert checked == prices.CheckedPrices(153, ())
    assert (validated.currency, validated.unpriced) == ("USD", ())
    assert set(validated.tables) == {"products", "accounts", "deployments"}


def test_a_difference_is_a_finding_and_a_proposal_is_not(config: Path, saved: Path, tmp_path: Path) -> None:
    options = ("--config-dir", config, "--from", saved)

    assert run("prices", "diff", *options).exit_code == ExitCode.FINDINGS
    assert run("prices", "diff", *options, "--region", "brazilsouth").exit_code == ExitCode.DONE
    assert run("prices", "propose", *options, "--out", tmp_path / "proposal.yaml").exit_code == ExitCode.DONE


def test_a_proposal_is_written_over_only_where_the_caller_says_so(config: Path, saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "proposal.yaml"
    out.write_text("mine")
    command = ("prices", "propose", "--config-dir", config, "--from", saved, "--out", out)

    refused, kept = run(*command), out.read_text()
    written = run(*command, "--overwrite")

    assert (refused.exit_code, kept) == (ExitCode.USAGE, "mine")
    assert "exists already: add --overwrite" in " ".join(refused.output.split())
    assert written.exit_code == ExitCode.DONE
    assert "close:" in out.read_text()
