"""The catalogue is read from its files, stored and read again, and every fault names its file, line and place."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import FILES, from_documents, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG
from tests.support.config_files import config_folder

CONFIG = EXAMPLE_CONFIG
NOW = datetime(2026, 6, 1, tzinfo=UTC)

CARD = """\
currency: USD
prices:
  - provider: azure-openai
    model: gpt-4o
    versions: ["2024-11-20", "2024-08-06"]
    deploymentTypes: [GlobalStandard]
    effectiveFrom: 2024-11-20T00:00:00Z
    source: "a price list"
    perMillion:
      input_tokens: "2.50"
      output_tokens: "10.00"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES, "dated-deployments.yaml")
    path_of(tmp_path, "rate-card.yaml").write_text(CARD)
    return tmp_path


def faults_of(folder: Path, old: str, new: str, name: str = "rate-card.yaml") -> list[str]:
    path = path_of(folder, name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)
    return caught.value.faults


def test_one_entry_gives_a_price_for_each_version_and_meter(folder: Path) -> None:
    catalogue = load_catalogue(folder)

    assert sorted(price.price_id for dated in catalogue.prices.values() for price in dated) == [
        "azure-openai/gpt-4o/2024-08-06/GlobalStandard/default/input_tokens@2024-11-20T00Z",
        "azure-openai/gpt-4o/2024-08-06/GlobalStandard/default/output_tokens@2024-11-20T00Z",
        "azure-openai/gpt-4o/2024-11-20/GlobalStandard/default/input_tokens@2024-11-20T00Z",
        "azure-openai/gpt-4o/2024-11-20/GlobalStandard/default/output_tokens@2024-11-20T00Z",
    ]


def test_an_entry_for_regions_gives_a_price_in_each(folder: Path) -> None:
    path_of(folder, "rate-card.yaml").write_text(
        CARD.replace("    source:", "    regions: [eastus2, westus3]\n    source:")
    )

    names = [dated[0].price_id for key, dated in load_catalogue(folder).prices.items() if key.version == "2024-11-20"]

    assert "azure-openai/gpt-4o/2024-11-20/GlobalStandard/default/westus3/output_tokens@2024-11-20T00Z" in names
    assert len(names) == 4


def test_a_catalogue_stored_as_json_is_the_same_catalogue(folder: Path) -> None:
    stored = json.dumps(to_documents(folder))

    assert from_documents(json.loads(stored)).digest == load_catalogue(folder).digest


def test_what_one_reader_changes_in_the_documents_nobody_else_finds(folder: Path) -> None:
    before, untouched = load_catalogue(folder), to_documents(folder)
    changed = to_documents(folder)
    changed["rate-card.yaml"]["prices"][0]["perMillion"]["input_tokens"] = "3"  # type: ignore[index]
    other = from_documents(changed)
    path_of(folder, "rate-card.yaml").write_text(CARD.replace('"2.50"', '"4"'))

    assert to_documents(folder) != untouched != changed
    assert len({before.digest, other.digest, load_catalogue(folder).digest}) == 3
    assert from_documents(untouched).digest == before.digest


def test_layout_and_comments_do_not_change_the_digest(folder: Path) -> None:
    before = load_catalogue(folder).digest
    path_of(folder, "rate-card.yaml").write_text(
        "# a comment\n" + CARD.replace('"2.50"', '"2.5"').replace("T00:00:00Z", "T01:00:00+01:00")
    )

    assert load_catalogue(folder).digest == before


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            '"2.50"',
            "2.50",
            "rate-card.yaml:10: prices[0].perMillion.input_tokens: 2.5 is not a quoted decimal",
        ),
        (
            '"2.50"',
            '"-1"',
            "rate-card.yaml:10: prices[0].perMillion.input_tokens: '-1' is not a quoted decimal",
        ),
        (
            '"2.50"',
            '"1.1234567890123"',
            "rate-card.yaml:10: prices[0].perMillion.input_tokens: '1.1234567890123' is not a",
        ),
        (
            '"2.50"',
            '"1e3"',
            "rate-card.yaml:10: prices[0].perMillion.input_tokens: '1e3' is not a quoted decimal",
        ),
        ("input_tokens", "inputTokens", "rate-card.yaml:10: prices[0].perMillion.inputTokens: no such meter"),
        ("output_tokens", "input_tokens", "rate-card.yaml:11: key 'input_tokens' is there twice"),
        (
            "T00:00:00Z",
            "T00:30:00Z",
            "rate-card.yaml:7: prices[0].effectiveFrom: 2024-11-20T00:30:00+00:00 is not",
        ),
        (
            "T00:00:00Z",
            "T00:00:00",
            "rate-card.yaml:7: prices[0].effectiveFrom: '2024-11-20T00:00:00' is neither a date such as",
        ),
        (
            "    source:",
            "    effectiveTo: 2024-11-20T00:00:00Z\n    source:",
            "effectiveTo: is not after effectiveFrom",
        ),
        (
            "    source:",
            "    serviceTier: fast\n    source:",
            "prices[0].serviceTier: 'fast' is not one of default",
        ),
        ("    source:", "    colour: red\n    source:", "prices[0]: object contains unknown field `colour`"),
        ("[GlobalStandard]", "[Global]", "prices[0].deploymentTypes[0]: invalid enum value 'Global'"),
        ("[GlobalStandard]", "[]", "rate-card.yaml:6: prices[0].deploymentTypes: names none"),
        (
            "    source:",
            "    regions: [eastus2, eastus2]\n    source:",
            "prices[0].regions: names none, an empty one, or one",
        ),
        ("USD", "Dollar", "rate-card.yaml:1: currency: 'Dollar' is not an ISO 4217 code"),
        ("prices:", "price:", "rate-card.yaml:1: prices: is missing"),
        ("currency: USD", "currency: [", "rate-card.yaml:"),
    ],
)
def test_a_fault_names_its_file_line_and_place(folder: Path, old: str, new: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(folder, old, new))


def test_prices_that_overlap_in_time_are_refused_with_both_names(folder: Path) -> None:
    again = CARD.split("prices:\n")[1].replace("2024-11-20T", "2025-01-01T").replace('"2024-11-20", ', "")

    faults = faults_of(folder, '"10.00"\n', f'"10.00"\n{again}')

    assert faults[0] == (
        "rate-card.yaml:16: prices[1].effectiveFrom: "
        "azure-openai/gpt-4o/2024-08-06/GlobalStandard/default/input_tokens@2025-01-01T00Z overlaps "
        "azure-openai/gpt-4o/2024-08-06/GlobalStandard/default/input_tokens@2024-11-20T00Z of prices[0]"
    )
    assert len(faults) == 2


def test_prices_that_follow_each_other_are_no_overlap(folder: Path) -> None:
    first = CARD.replace("    source:", "    effectiveTo: 2025-01-01T00:00:00Z\n    source:")
    path_of(folder, "rate-card.yaml").write_text(
        first + CARD.split("prices:\n")[1].replace("2024-11-20T", "2025-01-01T")
    )

    assert {len(dated) for dated in load_catalogue(folder).prices.values()} == {2}


def test_every_fault_of_every_file_is_reported_at_once(folder: Path) -> None:
    path_of(folder, "dated-deployments.yaml").unlink()
    path_of(folder, "rate-card.yaml").write_text(CARD.replace('"2.50"', "2.50").replace('"10.00"', "10"))
    path_of(folder, "deployments.yaml").write_text(
        "accounts:\n"
        "  - {account: a, region: r, priority: 1, weight: 1, deployments: none}\n"
        "  - {account: A, region: r, priority: one, weight: 1, deployments: s}\n"
        "  - {account: A, region: r, priority: 1, weight: 1, deployments: s}\n"
        "deploymentSets: {s: [{name: x, model: m, version: 1, type: Standard, capacity: 1}]}\n"
    )
    path_of(folder, "cost-centres.yaml").write_text(
        "costCentres: []\nrules: [{id: r, when: {user: u}, costCentre: c}]\n"
    )

    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)

    assert [fault.split(": ", 2)[:2] for fault in caught.value.faults] == [
        ["rate-card.yaml:10", "prices[0].perMillion.input_tokens"],
        ["rate-card.yaml:11", "prices[0].perMillion.output_tokens"],
        ["deployments.yaml:5", "deploymentSets.s[0].version"],
        ["deployments.yaml:3", "accounts[1].priority"],
        ["deployments.yaml:4", "accounts[2].account"],
        ["deployments.yaml:2", "accounts[0].deployments"],
        ["cost-centres.yaml:2", "rules[0].costCentre"],
        ["cost-centres.yaml:2", "rules[0].when"],
    ]


@pytest.mark.parametrize("name", ["a b/c", "../x", "x" * 65])
def test_a_deployment_has_a_name_that_fits_into_an_address(folder: Path, name: str) -> None:
    faults = faults_of(folder, "name: gpt-5.5,", f"name: {name},", "deployments.yaml")

    assert any(f"deploymentSets.swedencentral[3].name: {name!r} may have letters" in fault for fault in faults)


def test_a_missing_file_is_named(folder: Path) -> None:
    path_of(folder, "deployments.yaml").unlink()

    with pytest.raises(InvalidConfig, match=r"deployments\.yaml: there is no such file in "):
        load_catalogue(folder)


def test_a_deployment_may_name_the_tier_that_it_is_set_to(folder: Path) -> None:
    before = load_catalogue(folder)
    text = path_of(folder, "deployments.yaml").read_text()
    plain = 'name: gpt-5.4, model: gpt-5.4, version: "2026-03-05", type: GlobalStandard'
    path_of(folder, "deployments.yaml").write_text(text.replace(plain, f"{plain}, serviceTier: priority"))

    after = load_catalogue(folder)

    deployments = [each.deployment("oai-eastus2", "gpt-5.4", NOW) for each in (before, after)]
    assert [each.service_tier for each in deployments if each] == [None, "priority"]
    assert [len(each.row()) for each in deployments if each] == [6, 7], "without a tier the digest is as it always was"
    assert before.digest != after.digest


def test_a_tier_that_no_deployment_can_have_is_refused(folder: Path) -> None:
    (fault,) = faults_of(
        folder, "type: GlobalStandard,", "type: GlobalStandard, serviceTier: flex,", "deployments.yaml"
    )

    assert "serviceTier" in fault


def test_usage_of_a_former_deployment_is_still_rated_and_none_is_made_for_it(folder: Path) -> None:
    former = load_catalogue(folder).deployment("oai-eastus2", "gpt-4o", NOW)

    assert former is not None
    assert (former.type, former.version) == ("GlobalStandard", "2024-11-20")
    assert "name: gpt-4o," not in path_of(folder, "deployments.yaml").read_text()


@pytest.mark.parametrize(
    ("entries", "faults"),
    [
        (
            ["accounts: [nobody], name: x", "accounts: [oai-eastus2], name: x, effectiveFrom: monday"],
            [
                "dated-deployments.yaml:2: deployments[0].accounts: 'nobody' is not under accounts",
                "dated-deployments.yaml:3: deployments[1].effectiveFrom: 'monday' is neither a date such as 2026-03-15"
                " nor a whole hour in UTC such as 2026-03-15T09:00:00Z",
            ],
        ),
        (
            [
                "accounts: [oai-eastus2], name: GPT-5.4, effectiveTo: 2026-05-01",
                "accounts: [oai-eastus2, oai-westus3], name: gpt-5.4, effectiveFrom: 2026-04-30",
            ],
            [
                "dated-deployments.yaml:3: deployments[1].name: oai-eastus2/gpt-5.4 already has the entry"
                " deployments[0] for some of this time"
            ],
        ),
        (
            ["accounts: [oai-eastus2], name: GPT-5.4"],
            [
                "dated-deployments.yaml:2: deployments[0].name: oai-eastus2/gpt-5.4 is in deployments.yaml, too:"
                " say with effectiveTo or effectiveFrom when it was or will be this"
            ],
        ),
        (
            ["accounts: [oai-eastus2], name: x, effectiveFrom: 2026-05-01, effectiveTo: 2026-05-01"],
            ["dated-deployments.yaml:2: deployments[0].effectiveTo: is not after effectiveFrom"],
        ),
    ],
)
def test_a_fault_of_a_dated_deployment_is_named_with_its_line(
    folder: Path, entries: list[str], faults: list[str]
) -> None:
    lines = [f'  - {{{entry}, model: gpt-4o, version: "1", type: Standard}}' for entry in entries]
    path_of(folder, "dated-deployments.yaml").write_text("\n".join(["deployments:", *lines]))

    with pytest.raises(InvalidConfig) as refused:
        load_catalogue(folder)

    assert refused.value.faults == faults


def test_an_account_that_is_gone_keeps_its_region_for_its_usage(folder: Path) -> None:
    path_of(folder, "dated-deployments.yaml").write_text(
        "formerAccounts: [{account: oai-uksouth, region: uksouth}]\n"
        'deployments: [{accounts: [oai-uksouth], name: x, model: gpt-4o, version: "1", type: Standard}]\n'
    )

    found = load_catalogue(folder).deployment("oai-uksouth-x1.openai.azure.com", "x", NOW)

    assert found is not None
    assert found.region == "uksouth"


def test_former_deployments_of_a_stored_version_are_still_read_and_refused_in_a_file(folder: Path) -> None:
    path_of(folder, "dated-deployments.yaml").unlink()
    former = [{"name": "old", "model": "gpt-4o", "version": "1", "type": "Standard"}]
    documents = to_documents(folder)
    documents["deployments.yaml"] |= {  # type: ignore[operator]
        "formerDeployments": [{"accounts": ["oai-eastus2"], "deployments": former}]
    }

    stored = from_documents(documents)

    assert stored.deployment("oai-eastus2", "OLD", NOW) is not None
    with pytest.raises(InvalidConfig, match=r"formerDeployments: write them into dated-deployments\.yaml"):
        from_documents(documents, thorough=True)


def test_a_stored_version_may_say_the_geography_of_an_account_and_a_file_may_not(folder: Path) -> None:
    documents = to_documents(folder)
    for account in documents["deployments.yaml"]["accounts"]:  # type: ignore[index]
        account["geography"] = "eu"
    documents["dated-deployments.yaml"] |= {  # type: ignore[operator]
        "formerAccounts": [{"account": "oai-uksouth", "region": "uksouth", "geography": "uk"}]
    }

    stored = from_documents(documents)

    assert stored.digest == load_catalogue(folder).digest
    with pytest.raises(InvalidConfig) as refused:
        from_documents(documents, thorough=True)
    assert refused.value.faults[0].startswith(
        "deployments.yaml: accounts[0].geography: leave it out: gateway.yaml says"
    )
    assert refused.value.faults[-1].startswith("dated-deployments.yaml: formerAccounts[0].geography: leave it out")


def test_a_date_in_the_rate_card_begins_at_the_midnight_of_the_books(folder: Path) -> None:
    text = CARD.replace("2024-11-20T00:00:00Z", "2024-11-20\n    promisedUntil: 2026-07-01")
    path_of(folder, "rate-card.yaml").write_text(text)
    path_of(folder, "books.yaml").write_text("books: [{from: 2020-01, timeZone: Europe/Berlin, currency: USD}]\n")

    price = next(iter(load_catalogue(folder).prices.values()))[0]

    assert price.price_id.endswith("@2024-11-19T23Z")
    assert price.effective.first.isoformat() == "2024-11-19T23:00:00+00:00"
    assert price.promised_until is not None
    assert price.promised_until.isoformat() == "2026-06-30T22:00:00+00:00"
