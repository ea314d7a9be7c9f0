"""Published prices and the rate card are compared in one unit, and each difference is named once."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import yaml

from chargeback.adapters.config.rate_card import rate_card
from chargeback.domain.catalogue.prices import Dated, PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.price_list.comparison import Comparison, RetailPrice, ReviewedMeter, compare, per_million
from chargeback.domain.price_list.proposal import proposal
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, dated

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
REGIONS = ("eastus2", "swedencentral")
GLOBAL = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
REGIONAL = GLOBAL._replace(deployment_type=DeploymentType.STANDARD)
CARD = dated(Meter.INPUT, (START, "2.50")) | dated(Meter.OUTPUT, (START, "10.00"))


NAME = "4o Inp"


def row(amount: str = "0.0025", region: str = "eastus2", since: datetime = MARCH, **fields: str) -> RetailPrice:
    return RetailPrice(
        fields.get("meter_id", f"in-{region}"),
        fields.get("name", NAME),
        "Azure OpenAI",
        region,
        fields.get("unit", "1K"),
        Decimal(amount),
        since,
    )


def compared(*rows: RetailPrice, key: PriceKey = GLOBAL, card: dict[PriceKey, Dated] = CARD) -> Comparison:
    table = {f"in-{region}": ReviewedMeter(f"in-{region}", NAME, region, (key,)) for region in REGIONS}
    return compare(rows, table, card, REGIONS, NOW)


def both(amount: str, since: datetime = MARCH) -> list[RetailPrice]:
    return [row(amount, region, since) for region in REGIONS]


def gaps(found: Comparison) -> list[tuple[str, str, int]]:
    return [(each.reason.value, each.model, each.prices) for each in found.coverage.gaps]


def test_the_coverage_counts_what_was_compared_and_says_why_the_rest_was_not() -> None:
    mini = dated(Meter.INPUT, (START, "1"), model="mini") | dated(Meter.INPUT, (START, "1"), (MARCH, "2"), model="o1")
    ended = dated(Meter.INPUT, (START, "1"), model="old", end=MARCH)

    found = compared(*both("0.0025"), card=CARD | mini | ended)

    assert (found.coverage.compared, found.coverage.of) == (1, 4)
    assert gaps(found) == [("no-meter", "gpt-4o", 1), ("no-meter", "mini", 1), ("no-meter", "o1", 1)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([], "not-in-list"), ([row(unit="1 Lot")], "refused"), ([row(), row(region="swedencentral", unit="1 Lot")], None)],
)
def test_a_price_counts_as_compared_if_one_of_its_meters_was(rows: list[RetailPrice], reason: str | None) -> None:
    found = compared(*rows)

    assert found.coverage.compared == (0 if reason else 1)
    assert gaps(found)[:-1] == ([(reason, "gpt-4o", 1)] if reason else [])


def test_a_meter_of_a_region_that_nobody_asked_for_is_a_reason_of_its_own() -> None:
    table = {"in": ReviewedMeter("in", NAME, "brazilsouth", (GLOBAL,))}

    assert gaps(compare([], table, CARD, REGIONS, NOW))[0] == ("other-region", "gpt-4o", 1)


@pytest.mark.parametrize(
    ("meter", "unit", "amount", "expected"),
    [
        (Meter.INPUT, "1K", "0.0025", "2.5"),
        (Meter.INPUT, "1M", "2.5", "2.5"),
        (Meter.INPUT, "1K", "0.000028", "0.028"),
        (Meter.IMAGES, "100", "4", "40000"),
        (Meter.IMAGES, "1", "0.04", "40000"),
        (Meter.AUDIO_SECONDS, "1 Hour", "0.36", "100"),
        (Meter.AUDIO_SECONDS, "1/Hour", "0.36", "100"),
        (Meter.AUDIO_SECONDS, "1 Second", "0.0001", "100"),
    ],
)
def test_a_retail_price_is_brought_to_a_million_units(meter: Meter, unit: str, amount: str, expected: str) -> None:
    assert str(per_million(row(amount, unit=unit), meter)) == expected


@pytest.mark.parametrize(
    ("meter", "unit"), [(Meter.INPUT, "1 Hour"), (Meter.INPUT, "10K"), (Meter.AUDIO_SECONDS, "1K")]
)
def test_an_unknown_unit_is_refused(meter: Meter, unit: str) -> None:
    with pytest.raises(ValueError, match=f"unit '{unit}' is not one of"):
        per_million(row(unit=unit), meter)


def test_a_row_in_an_unknown_unit_is_reported_and_not_compared() -> None:
    found = compared(row(unit="1 Barrel"))

    assert found.refused == ("in-eastus2 (4o Inp): unit '1 Barrel' is not one of 1, 100, 1K, 1M for input_tokens",)
    assert (found.equal, found.differences) == (frozenset(), ())


def test_a_price_that_list_and_card_share_is_equal() -> None:
    found = compared(*both("0.0025"))

    assert len(found.equal) == 1
    assert found.differences == ()


def test_a_price_that_changed_everywhere_is_one_difference_for_every_region() -> None:
    (difference,) = compared(*both("0.002")).differences

    assert difference.key == GLOBAL
    assert difference.old is not None
    assert (str(difference.old.list_per_million), str(difference.new), difference.since) == ("2.50", "2", MARCH)
    assert difference.meter_ids == ("in-eastus2", "in-swedencentral")
    assert not difference.corrects


def test_a_price_that_changed_in_one_region_leaves_the_general_one_alone() -> None:
    (difference,) = compared(row("0.0025"), row("0.003", "swedencentral")).differences

    assert difference.key.region == "swedencentral"
    assert difference.is_of_a_region


def test_what_regional_deployments_cost_is_said_of_their_regions_only() -> None:
    card = dated(Meter.INPUT, (START, "2.75"), deployment_type=DeploymentType.STANDARD)

    found = compared(*both("0.003"), key=REGIONAL, card=card)

    assert [each.key.region for each in found.differences] == ["eastus2", "swedencentral"]


def test_the_price_of_a_region_on_the_card_is_the_one_compared() -> None:
    here = dated(Meter.INPUT, (START, "3.00"), region="swedencentral")

    assert compared(row("0.0025"), row("0.003", "swedencentral"), card=CARD | here).differences == ()
    (difference,) = compared(row("0.003", "swedencentral"), row("0.003"), card=CARD | here).differences
    assert (difference.key.region, str(difference.new)) == ("", "3")


def test_a_price_that_was_wrong_from_its_first_hour_is_a_correction() -> None:
    (difference,) = compared(*both("0.002", START)).differences

    assert difference.corrects


def test_the_discount_of_an_agreement_is_no_difference_to_the_list() -> None:
    card = {
        key: tuple(
            type(price)(**{f: getattr(price, f) for f in price.__slots__} | {"per_million": Decimal(1)})
            for price in prices
        )
        for key, prices in CARD.items()
    }

    assert compared(*both("0.0025"), card=card).differences == ()


def test_an_announced_price_is_compared_with_the_card_of_its_first_hour() -> None:
    soon = datetime(2027, 1, 1, tzinfo=UTC)
    ready = dated(Meter.INPUT, (START, "2.50"), (soon, "2.00"))

    assert compared(*both("0.0025"), *both("0.002", soon), card=ready).differences == ()
    (difference,) = compared(*both("0.0025"), *both("0.002", soon)).differences
    assert difference.since == soon


def test_a_meter_that_the_table_does_not_know_is_only_named() -> None:
    found = compared(*both("0.0025"), row(meter_id="other", amount="9"))

    assert [each.meter_id for each in found.unknown] == ["other"]
    assert found.differences == ()


def test_a_meter_of_the_table_that_the_list_lacks_is_named() -> None:
    assert [each.meter_id for each in compared(row()).absent] == ["in-swedencentral"]


def test_a_meter_that_moved_to_another_region_is_refused() -> None:
    found = compared(row(region="westus3", meter_id="in-eastus2"))

    assert found.refused == ("in-eastus2 (4o Inp): is of region 'westus3', not of 'eastus2'",)


def proposed(found: Comparison, card: dict[PriceKey, Dated] = CARD) -> dict:
    return yaml.safe_load(yaml.safe_dump(proposal(found.differences, card, "2026-11-21")))


def test_a_changed_price_is_proposed_as_an_entry_to_close_and_one_to_add_with_the_prices_that_stay() -> None:
    assert proposed(compared(*both("0.002"))) == {
        "close": [
            {
                "priceId": "azure-openai/gpt-4o//GlobalStandard/default///input_tokens@2024-01-01T00Z",
                "effectiveTo": "2026-03-01T00:00:00Z",
            }
        ],
        "add": [
            {
                "provider": "azure-openai",
                "model": "gpt-4o",
                "deploymentTypes": ["GlobalStandard"],
                "effectiveFrom": "2026-03-01T00:00:00Z",
                "source": "Azure Retail Prices API, meters in-eastus2, in-swedencentral, in effect since 2026-03-01,"
                " read 2026-11-21",
                "perMillion": {"input_tokens": "2", "output_tokens": "10"},
            }
        ],
        "correct": [],
    }


def test_the_entries_that_a_proposal_adds_are_entries_of_the_rate_card() -> None:
    faults: list[str] = []
    added = proposed(compared(*both("0.002")))["add"]

    card = rate_card({"currency": "USD", "prices": added}, faults, thorough=True)

    assert faults == []
    assert compared(*both("0.002"), card=card.prices).differences == ()


def test_regions_with_the_same_new_price_share_an_entry_and_nothing_is_closed() -> None:
    card = dated(Meter.INPUT, (START, "2.75"), deployment_type=DeploymentType.STANDARD)

    changes = proposed(compared(*both("0.003"), key=REGIONAL, card=card), card)

    assert changes["close"] == []
    ((entry),) = changes["add"]
    assert entry["regions"] == ["eastus2", "swedencentral"]
    assert entry["perMillion"] == {"input_tokens": "3"}


def test_a_correction_names_the_price_to_change_in_place() -> None:
    changes = proposed(compared(*both("0.002", START)))

    assert (changes["close"], changes["add"]) == ([], [])
    assert [(each["old"], each["perMillion"]) for each in changes["correct"]] == [("2.5", "2")]


def test_a_meter_whose_name_changed_since_it_was_reviewed_is_refused() -> None:
    found = compared(row("0.005", name="4o Outp"), row("0.0025", REGIONS[1], name="4O  inp"))

    assert found.refused == ("in-eastus2 is called '4o Outp' now, and was '4o Inp': look it up again",)
    assert not found.differences
    assert len(found.equal) == 1
