"""The FOCUS file says what the rows say: every figure here is worked out by hand."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.journals.posting_rules import CentrePosting, PostingRules
from chargeback.domain.reports.focus_columns import FOCUS_COLUMNS
from chargeback.domain.time.effective import Effective
from chargeback.services.focus.write_focus import write_focus
from tests.support.examples import few
from tests.support.period_tables import framed, period_tables, row
from tests.support.rows_of_every_kind import (
    correction,
    costs,
    csv_rows,
    every_kind,
    free_calls,
    priced,
    shared,
    written,
)

DIMENSIONS = ["cost_centre", "model", "deployment", "backend", "provider", "service_tier", "user", "variant", "state"]


def focus(folder: Path, rows: Sequence[Mapping[str, Any]], **fields: Any) -> list[dict[str, str]]:
    period = framed(period_tables(folder, rows), **fields)
    return csv_rows(written(write_focus, period)["focus-1.3-2026-03.csv"])


def test_usage_is_told_by_day_centre_deployment_and_meter(tmp_path: Path) -> None:
    (told,) = focus(tmp_path, [row()])

    assert list(told) == list(FOCUS_COLUMNS)
    expected = {
        "BilledCost": "2.5",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargePeriodStart": "2026-03-14T00:00:00Z",
        "ChargePeriodEnd": "2026-03-15T00:00:00Z",
        "ConsumedQuantity": "1000000.0",
        "ConsumedUnit": "Tokens",
        "ListUnitPrice": "2.5",
        "PricingQuantity": "1.0",
        "PricingUnit": "1000000 Tokens",
        "HostProviderName": "Microsoft",
        "InvoiceIssuerName": "Chargeback for Azure OpenAI",
        "ProviderName": "Chargeback for Azure OpenAI",
        "ServiceProviderName": "Chargeback for Azure OpenAI",
        "RegionName": "East US 2",
        "ResourceId": "oai-eastus2.openai.azure.com/openai/deployments/gpt-4o",
        "ResourceName": "gpt-4o",
        "SkuId": "gpt-4o-2024-11-20/input_tokens",
        "SkuMeter": "Input Tokens",
        "SkuPriceId": "gpt-4o-2024-11-20/input_tokens:azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens",
        "SubAccountId": "product/search",
        "SubAccountName": "Search",
        "x_PriceId": "azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens@2024-08-06T00Z",
        "x_SkuMeterId": "input_tokens",
        "x_UsageState": "exact",
    }
    assert {name: told[name] for name in expected} == expected
    tags = {"application": "11111111-0000-0000-0000-000000000001", "cost_centre": "product/search"}
    tags |= {"product": "standard", "subscription": "search"}
    assert json.loads(told["Tags"]) == {f"chargeback/{name}": value for name, value in tags.items()}
    details = {"x_Meter": "input_tokens", "x_DeploymentType": "GlobalStandard", "x_ServiceTier": "default"}
    assert json.loads(told["SkuPriceDetails"]) == details | {"x_TokenDirection": "Input"}


def test_tokens_from_and_for_the_cache_say_so(tmp_path: Path) -> None:
    told = focus(tmp_path, [row(meter=meter) for meter in ("cached_input_tokens", "cache_write_tokens")])

    found = {each["SkuMeter"]: json.loads(each["SkuPriceDetails"]) for each in told}
    assert {name: (each["x_TokenDirection"], each["x_TokenCacheAction"]) for name, each in found.items()} == {
        "Cached Input Tokens": ("Input", "Read"),
        "Cache Write Tokens": ("Input", "Write"),
    }


def test_reserved_capacity_is_told_at_the_price_of_an_hour_on_its_deployment(tmp_path: Path) -> None:
    """50 units for 744 hours at 1.00 USD, and 10 % more for who pays: 37 200 USD become 40 920."""
    whole = {**priced("37200"), "origin_unit": "PTU-hours"}
    whole |= {"origin_unit_price": Decimal(1), "origin_quantity": Decimal(37_200), "unit_price": Decimal(40_920)}
    use = {"allocation_measure": "capacity", "allocated_use_of_all": Decimal(1_000)}
    own = {"list_cost": Decimal(9_300), "contracted_cost": Decimal(9_300)}
    rest = {"list_cost": Decimal(27_900), "contracted_cost": Decimal(27_900)}
    rows = [
        shared("0.25", allocated_use=Decimal(250), **whole, **use) | costs("10230") | own,
        shared("0.75", cost_centre="unallocated", allocated_use=Decimal(750), **whole, **use) | costs("30690") | rest,
    ]
    place = {"ptu-east": ("oai-eastus2/openai/deployments/gpt-4o-ptu", "gpt-4o-ptu")}

    search, nobody = focus(tmp_path, rows, resources=place)

    expected = {
        "PricingQuantity": "9300.0",
        "PricingUnit": "PTU-Hours",
        "ConsumedUnit": "PTU-Hours",
        "ListUnitPrice": "1.1",
        "ContractedUnitPrice": "1.1",
        "x_HostContractedUnitPrice": "1.0",
        "x_HostContractedCost": "9300.0",
        "BilledCost": "10230.0",
        "ListCost": "10230.0",
        "ResourceId": "oai-eastus2/openai/deployments/gpt-4o-ptu",
        "ResourceType": "Model deployment",
        "AllocatedMethodId": "usage-capacity",
        "AllocatedResourceId": "product/search",
        "Tags": '{"chargeback/shared_cost": "ptu-east"}',
        "AllocatedTags": '{"chargeback/cost_centre": "product/search"}',
        "x_SharedCostId": "ptu-east",
    }
    assert {name: search[name] for name in expected} == expected
    assert json.loads(search["AllocatedMethodDetails"]) == {
        "Elements": [{"AllocatedRatio": 0.25, "UsageUnit": "Weighted Input Tokens", "UsageQuantity": 250.0}]
    }
    assert (nobody["AllocatedResourceId"], nobody["AllocatedResourceName"], nobody["AllocatedTags"]) == ("", "", "")
    assert nobody["AllocatedMethodId"] == "usage-capacity"
    assert search["Tags"] == nobody["Tags"]


def test_a_markup_alone_makes_no_negative_savings(tmp_path: Path) -> None:
    """Published and contracted at 2.50, charged at 2.625: the internal service has no lower price."""
    dearer = {"unit_price": Decimal("2.625"), "cost": Decimal("2.625"), "exact_cost": Decimal("2.625")}

    (told,) = focus(tmp_path, [row(**dearer)])

    assert {told[name] for name in ("ListCost", "ContractedCost", "EffectiveCost", "ListUnitPrice")} == {"2.625"}
    assert (told["x_HostListUnitPrice"], told["x_HostContractedCost"]) == ("2.5", "2.5")


def test_people_and_what_callers_claim_are_summed_up_and_never_named(tmp_path: Path) -> None:
    rows = [
        row(user="ann@example.com", billing_code="A"),
        row(user="bob@example.com", company="Bob & Co", user_object_id="b0b", apim_user_id="bob"),
    ]

    (told,) = focus(tmp_path, rows)

    assert (told["BilledCost"], told["ConsumedQuantity"], told["x_ChargeRows"]) == ("5.0", "2000000.0", "2")
    assert not [value for value in told.values() if "ann" in value or "bob" in value.lower()]


def test_the_total_is_that_of_the_rows_whose_cost_is_known(tmp_path: Path) -> None:
    told = focus(tmp_path, every_kind())

    assert sum(Decimal(each["BilledCost"]) for each in told) == Decimal("1005.5025")
    assert len(told) == 7, "the two callers are one row, and what has no price has none"
    assert sum(int(each["x_RequestCount"]) for each in told) == 3


def test_a_correction_is_negative_and_names_what_it_corrects(tmp_path: Path) -> None:
    (told,) = focus(tmp_path, [correction()])

    assert told["ChargeClass"] == "Correction"
    assert (told["BilledCost"], told["ConsumedQuantity"], told["PricingQuantity"]) == ("-0.25", "-100000.0", "-0.1")
    assert (told["x_CorrectsPeriod"], told["x_CorrectsChargeId"]) == ("2026-02", "c" * 32)
    assert told["x_CorrectionReason"] == "recounted"
    assert told["ChargePeriodStart"] == "2026-02-11T00:00:00Z"
    assert told["BillingPeriodStart"] == "2026-03-01T00:00:00Z"


def test_a_shared_cost_is_told_with_its_basis_and_parts_that_sum_to_one(tmp_path: Path) -> None:
    told = focus(tmp_path, [shared("0.25"), shared("0.75", cost_centre="product")])

    parts = {
        each["AllocatedResourceId"]: json.loads(each["AllocatedMethodDetails"], parse_float=Decimal) for each in told
    }
    assert parts == {
        "product/search": {"Elements": [{"AllocatedRatio": Decimal("0.25")}]},
        "product": {"Elements": [{"AllocatedRatio": Decimal("0.75")}]},
    }
    assert {(each["AllocatedMethodId"], each["ResourceId"], each["ListUnitPrice"]) for each in told} == {
        ("usage", "shared-costs/ptu-east", "1000.0")
    }
    assert [each["BilledCost"] for each in told] == ["750.0", "250.0"]
    assert [json.loads(each["AllocatedTags"]) for each in told] == [
        {"chargeback/cost_centre": "product"},
        {"chargeback/cost_centre": "product/search"},
    ]


def test_a_share_that_moves_is_a_correction_without_a_ratio(tmp_path: Path) -> None:
    moved = {"kind": "correction", "corrects_period": "2026-02", "corrects_charge_id": "c" * 32}
    parts = (("-0.25", "product"), ("0.25", "product/search"))
    rows = [shared(part, cost_centre=centre, allocated_ratio=None, **moved) for part, centre in parts]

    less, more = focus(tmp_path, rows)

    assert (less["BilledCost"], more["BilledCost"]) == ("-250.0", "250.0")
    assert less["ChargeClass"] == "Correction"
    assert less["AllocatedMethodDetails"] == ""


def test_a_converted_price_is_told_in_both_currencies(tmp_path: Path) -> None:
    """1 000 000 tokens at 2.50 USD, 0.92 EUR for a dollar: 2.30 EUR."""
    rate = {
        "exchange_rate": Decimal("0.92"),
        "exchange_rate_date": "2026-03-13",
        "exchange_rate_source": "ECB",
        "currency": "EUR",
    }

    (told,) = focus(tmp_path, [row(**rate, **costs("2.30"))], currency="EUR")

    in_euros = {"BilledCost", "ListCost", "ContractedCost", "EffectiveCost", "ListUnitPrice", "ContractedUnitPrice"}
    assert {told[name] for name in in_euros} == {"2.3"}
    in_dollars = {"ContractedUnitPrice", "ListUnitPrice", "EffectiveCost"}
    assert {told[f"PricingCurrency{name}"] for name in in_dollars} == {"2.5"}
    assert (told["BillingCurrency"], told["PricingCurrency"]) == ("EUR", "USD")
    assert (told["x_BillingExchangeRate"], told["x_BillingExchangeRateDate"]) == ("0.92", "2026-03-13")
    assert told["x_ExchangeRateSource"] == "ECB"


@pytest.mark.parametrize("amount", [10**9, 10**12])
def test_a_converted_shared_cost_of_any_size_is_exact(tmp_path: Path, amount: int) -> None:
    """0.7 EUR for a dollar, split into 0.333333333333 and 0.666666666667."""
    rate = {"exchange_rate": Decimal("0.7"), "currency": "EUR", "pricing_currency": "USD", **priced(str(amount))}
    ratios = {"product": Decimal("0.333333333333"), "product/search": Decimal("0.666666666667")}
    parts = [
        shared(str(ratio), cost_centre=centre) | rate | costs(str(amount * ratio * Decimal("0.7")))
        for centre, ratio in ratios.items()
    ]

    told = focus(tmp_path, parts, currency="EUR")

    assert {Decimal(each["ListUnitPrice"]) for each in told} == {Decimal(amount * 7).scaleb(-1)}
    assert {each["SubAccountId"]: Decimal(each["PricingCurrencyEffectiveCost"]) for each in told} == {
        centre: amount * ratio for centre, ratio in ratios.items()
    }


@pytest.mark.parametrize(("rate", "cost"), [("1", "10000000000000"), ("999999", "9999990000000000000")])
def test_the_highest_price_of_a_rate_card_is_exact_at_any_exchange_rate(tmp_path: Path, rate: str, cost: str) -> None:
    converted = {"exchange_rate": Decimal(rate), "currency": "USD" if rate == "1" else "EUR", "pricing_currency": "USD"}

    (told,) = focus(tmp_path, [row(**converted, **priced("10000000000000"), **costs(cost))])

    assert {Decimal(told[name]) for name in ("BilledCost", "ListCost", "ContractedCost")} == {Decimal(cost)}


def test_a_discount_and_a_markup_are_told_apart(tmp_path: Path) -> None:
    amounts = {"list_unit_price": Decimal("2.5"), "contracted_unit_price": Decimal(2), "unit_price": Decimal("2.2")}
    billed = {"cost": Decimal("2.2"), "exact_cost": Decimal("2.2"), "contracted_cost": Decimal(2)}

    (told,) = focus(tmp_path, [row(**amounts, **billed)])

    assert (told["ListCost"], told["ContractedCost"], told["BilledCost"]) == ("2.5", "2.2", "2.2")
    assert (told["ContractedUnitPrice"], told["x_HostContractedUnitPrice"]) == ("2.2", "2.0")
    assert told["x_HostContractedCost"] == "2.0"


@pytest.mark.parametrize(
    ("date", "start", "end"),
    [
        ("2026-03-28", "2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z"),
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),  # 23 hours: the clocks go forward
        ("2026-03-31", "2026-03-30T22:00:00Z", "2026-03-31T22:00:00Z"),
    ],
)
def test_a_day_is_that_of_the_books(tmp_path: Path, date: str, start: str, end: str) -> None:
    zone = {
        "time_zone": "Europe/Berlin",
        "start": datetime(2026, 2, 28, 23, tzinfo=UTC),
        "end": datetime(2026, 3, 31, 22, tzinfo=UTC),
    }

    (told,) = focus(tmp_path, [row(charge_date=date)], **zone)

    assert (told["ChargePeriodStart"], told["ChargePeriodEnd"]) == (start, end)
    assert told["BillingPeriodStart"] == "2026-02-28T23:00:00Z"


def test_only_a_closed_period_has_an_invoice(tmp_path: Path) -> None:
    opened, closed = (focus(tmp_path / name, [row()], is_closed=name == "closed") for name in two_folders(tmp_path))

    assert (opened[0]["InvoiceId"], closed[0]["InvoiceId"]) == ("", "chargeback-2026-03")


def test_each_company_has_its_account_and_the_invoice_of_its_journal(tmp_path: Path) -> None:
    """Product belongs to 2000; search moved to 3000 on 16 March; nobody says where research belongs."""
    moved = Effective(None, datetime(2026, 3, 16, tzinfo=UTC)), Effective(datetime(2026, 3, 16, tzinfo=UTC), None)
    centres = [
        CentrePosting("product", "2000", "CC", "4711", {"usage": "625100"}),
        CentrePosting("product/search", "2000", "CC", "4712", {"usage": "625100"}, effective=moved[0]),
        CentrePosting("product/search", "3000", "CC", "4712", {"usage": "625100"}, effective=moved[1]),
    ]
    rows = [row(), row(charge_date="2026-03-20"), row(cost_centre="product"), row(cost_centre="research")]

    told = focus(tmp_path, rows, is_closed=True, posting=PostingRules((), (), tuple(centres)))

    assert {(each["SubAccountId"], each["BillingAccountId"], each["InvoiceId"]) for each in told} == {
        ("product/search", "chargeback/2000", "CB-2026-03-2000"),
        ("product/search", "chargeback/3000", "CB-2026-03-3000"),
        ("product", "chargeback/2000", "CB-2026-03-2000"),
        ("research", "chargeback", "chargeback-2026-03"),
    }
    assert {each["BillingAccountName"] for each in told if each["SubAccountId"] == "product"} == {
        "Chargeback for Azure OpenAI, company 2000"
    }


def two_folders(parent: Path) -> tuple[str, str]:
    for name in ("open", "closed"):
        (parent / name).mkdir()
    return "open", "closed"


@settings(max_examples=few(10))
@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(["", "a", "b/c"]) for name in DIMENSIONS}), max_size=12))
def test_whatever_the_dimensions_no_row_is_there_twice_and_all_is_there(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, str]]
) -> None:
    rows = [make(**fields) for fields in drawn for make in (row, free_calls)]

    told = focus(tmp_path_factory.mktemp("focus"), rows)

    assert sum(Decimal(each["BilledCost"]) for each in told) == Decimal("2.5") * len(drawn)
    assert sum(int(each["x_ChargeRows"]) for each in told) == 2 * len(drawn)


def test_prices_of_a_part_of_a_millionth_stay_exact(tmp_path: Path) -> None:
    """0.083 USD a million, 7 tokens: 0.000000581 USD, printed as 0.000001."""
    amounts = costs("0.000000581") | {"cost": Decimal("0.000001")}

    (told,) = focus(tmp_path, [row(quantity=Decimal(7), **priced("0.083"), **amounts)])

    assert (told["ListCost"], told["BilledCost"]) == ("0.000000581", "0.000001")
    assert told["PricingQuantity"] == "0.000007"
