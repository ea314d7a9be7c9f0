"""Units, hosting, gaps and implausible prices of the rate card document."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.config.rate_card import RateCard, rate_card

Entry = dict[str, object]


def entry(**fields: object) -> Entry:
    defaults: Entry = {
        "provider": "azure-openai",
        "model": "m",
        "deploymentTypes": ["GlobalStandard"],
        "effectiveFrom": "2026-01-01T00:00:00Z",
        "source": "a price list",
    }
    return defaults | fields


def read(*entries: Entry, **sections: object) -> tuple[RateCard, list[str]]:
    faults: list[str] = []
    card = rate_card({"currency": "USD", "prices": list(entries)} | sections, faults, thorough=True)
    return card, faults


def amounts(card: RateCard) -> dict[str, str]:
    return {key.meter.value: str(dated[0].list_per_million) for key, dated in card.prices.items()}


def test_prices_are_given_in_the_unit_of_the_published_page() -> None:
    card, faults = read(
        entry(
            perMillion={"input_tokens": "2.50"},
            perThousand={"characters": "0.015"},
            perUnit={"images": "0.04"},
            perHour={"audio_seconds": "0.36"},
        )
    )

    assert faults == []
    # 0.015 a thousand = 15 a million; 0.04 each = 40 000; 0.36 an hour = 0.0001 a second = 100
    assert amounts(card) == {"input_tokens": "2.50", "characters": "15", "images": "40000", "audio_seconds": "100"}


def test_a_minute_of_audio_has_sixty_seconds() -> None:
    card, _ = read(entry(perMinute={"audio_seconds": "0.006"}))

    assert amounts(card) == {"audio_seconds": "100"}


def test_an_hour_whose_second_has_no_end_is_rounded_at_the_twelfth_place_of_a_million() -> None:
    """1.02 / 3 600 * 10**6; a year of it, 31 536 000 seconds, is off by less than 10**-10."""
    card, faults = read(entry(perHour={"audio_seconds": "1.02"}))

    assert faults == []
    assert amounts(card) == {"audio_seconds": "283.333333333333"}


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        ({}, "prices[0].perMillion: names no meter"),
        ({"perMillion": {}}, "prices[0].perMillion: names no meter"),
        (
            {"perHour": {"input_tokens": "1"}},
            "prices[0].perHour.input_tokens: only audio_seconds and training_seconds have a price by time",
        ),
        (
            {
                "perThousand": {"input_tokens": "0.000000000001"},
                "perUnit": {"images": "0.0"},
                "perHour": {"images": "1"},
            },
            "prices[0].perHour.images: only audio_seconds and training_seconds have a price by time",
        ),
        ({"perUnit": {"images": 0.04}}, "prices[0].perUnit.images: 0.04 is not a quoted decimal"),
        ({"perUnit": {"image": "0.04"}}, "prices[0].perUnit.image: no such meter"),
        (
            {"perUnit": {"images": "0.04"}, "perThousand": {"images": "40"}},
            "prices[0].perUnit.images: has a price in two units",
        ),
    ],
)
def test_a_price_in_a_wrong_unit_is_named(prices: Entry, fault: str) -> None:
    _, faults = read(entry(**prices))

    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_price_that_no_file_can_hold_is_named_with_its_markup() -> None:
    # 10^13 a million is the most; 10 % on top of 9.1 * 10^12 are more.
    dear, marked_up = "10000000", "9100000000"
    on_top: Entry = {"id": "m", "markup": "10", "source": "board", "when": {"model": "n"}}
    on_top["effectiveFrom"] = "2026-01-01T00:00:00Z"

    _, none = read(entry(perUnit={"images": dear}))
    _, plain = read(entry(perUnit={"images": "10000000.01"}))
    _, marked = read(entry(model="n", perThousand={"images": marked_up}), adjustments=[on_top])

    assert none == []
    assert plain == [
        "prices[0]: azure-openai/m/any/GlobalStandard/default/images@2026-01-01T00Z:"
        " 10\u202f000\u202f000\u202f010\u202f000 USD per million is above 10\u202f000\u202f000\u202f000\u202f000"
    ]
    assert [fault.rpartition(": ")[2] for fault in marked] == [
        "10\u202f010\u202f000\u202f000\u202f000 USD per million is above 10\u202f000\u202f000\u202f000\u202f000"
    ]


@given(
    amount=st.decimals("0", "9999999", places=9),
    unit=st.sampled_from([("perMillion", 1), ("perThousand", 1_000), ("perUnit", 1_000_000)]),
)
def test_a_price_keeps_its_worth_in_every_unit(amount: Decimal, unit: tuple[str, int]) -> None:
    field, factor = unit

    card, faults = read(entry(**{field: {"characters": f"{amount:f}"}}))

    ((price,),) = card.prices.values()
    assert faults == []
    assert price.list_per_million == amount * factor


def test_a_gap_between_two_prices_of_the_same_is_a_fault() -> None:
    earlier = entry(perMillion={"input_tokens": "2.50"}, effectiveTo="2026-02-01T00:00:00Z")
    later = entry(perMillion={"input_tokens": "2.00"}, effectiveFrom="2026-02-01T01:00:00Z")

    _, faults = read(earlier, later)

    assert faults == [
        "prices[1].effectiveFrom: azure-openai/m/any/GlobalStandard/default/input_tokens@2026-02-01T01Z begins after"
        " azure-openai/m/any/GlobalStandard/default/input_tokens@2026-01-01T00Z of prices[0] has ended"
        " at 2026-02-01T00Z: usage between them would be unpriced"
    ]


def test_a_stored_card_is_read_although_it_has_a_gap() -> None:
    earlier = entry(perMillion={"input_tokens": "2.50"}, effectiveTo="2026-02-01T00:00:00Z")
    later = entry(perMillion={"input_tokens": "2500"}, effectiveFrom="2026-02-01T01:00:00Z")
    faults: list[str] = []

    rate_card({"currency": "USD", "prices": [earlier, later]}, faults)

    assert faults == []


def doubted(*entries: Entry) -> list[str]:
    """What is wrong, without the ids of prices."""
    return [fault.partition("Z: ")[2] for fault in read(*entries)[1]]


def test_a_price_a_thousand_times_off_the_models_other_prices_is_a_fault() -> None:
    usual = [
        entry(deploymentTypes=[kind], perMillion={"input_tokens": "2.50"}) for kind in ("GlobalBatch", "DataZoneBatch")
    ]

    assert doubted(*usual, entry(perMillion={"input_tokens": "2500"})) == [
        "2500 USD is 1000 times off the model's other prices, such as 2.5"
    ]
    assert doubted(*usual, entry(perMillion={"input_tokens": "0.0025"})) == [
        "0.0025 USD is 1000 times off the model's other prices, such as 2.5"
    ]
    assert doubted(*usual, entry(perMillion={"input_tokens": "2499.99"})) == []


def test_a_new_price_a_thousand_times_off_the_old_one_is_a_fault() -> None:
    earlier = entry(perMillion={"input_tokens": "2.50"}, effectiveTo="2026-02-01T00:00:00Z")
    later = entry(perMillion={"input_tokens": "0.0025"}, effectiveFrom="2026-02-01T00:00:00Z")

    assert len(doubted(earlier, later)) == 2


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        ({"input_tokens": "2.5", "cached_input_tokens": "2.6"}, "cached input at 2.6 USD costs more than input at"),
        ({"input_tokens": "2500", "output_tokens": "10"}, "input at 2500 USD costs over 10 times what output does"),
        ({"input_tokens": "2.5", "output_tokens": "10000"}, "10000 USD is over 1000 times 2.5 USD for input_tokens"),
        ({"input_tokens": "2.5", "cached_input_tokens": "0.0025"}, "2.5 USD is over 1000 times 0.0025 USD for"),
    ],
)  # fmt: skip
def test_prices_of_one_entry_that_cannot_all_be_right_are_a_fault(prices: dict[str, str], fault: str) -> None:
    (found,) = doubted(entry(perMillion=prices))

    assert found.startswith(fault)


@pytest.mark.parametrize(
    "prices",
    [
        {"input_tokens": "2.5", "cached_input_tokens": "2.5", "output_tokens": "2.5"},
        {"input_tokens": "0", "cached_input_tokens": "0.1", "output_tokens": "10"},
        {"input_tokens": "0.6", "input_audio_tokens": "40", "output_audio_tokens": "800"},
        {"images": "44000", "input_tokens": "5"},
    ],
)
def test_what_may_be_right_is_no_fault(prices: dict[str, str]) -> None:
    assert doubted(entry(perMillion=prices)) == []


HOSTED: Entry = {
    "model": "GPT-4o",
    "deploymentTypes": ["Standard", "GlobalStandard"],
    "effectiveFrom": "2026-01-01T00:00:00Z",
    "source": "a price list",
    "perHour": "1.70",
}


def test_hosting_has_a_rate_for_each_deployment_type_and_time() -> None:
    cut = HOSTED | {"effectiveFrom": "2026-03-01T00:00:00Z", "perHour": "1.50", "deploymentTypes": ["Standard"]}
    first = HOSTED | {"effectiveTo": "2026-03-01T00:00:00Z"}

    card, faults = read(hosting=[cut, first])

    assert faults == []
    assert {key: [(rate.rate_id, str(rate.per_hour)) for rate in rates] for key, rates in card.hosting.items()} == {
        ("gpt-4o", "Standard"): [
            ("hosting/gpt-4o/Standard@2026-01-01T00Z", "1.70"),
            ("hosting/gpt-4o/Standard@2026-03-01T00Z", "1.50"),
        ],
        ("gpt-4o", "GlobalStandard"): [("hosting/gpt-4o/GlobalStandard@2026-01-01T00Z", "1.70")],
    }


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"perHour": "-1"}, "hosting[0].perHour: '-1' is not a quoted decimal"),
        ({"model": ""}, "hosting[0].model: is empty"),
        ({"deploymentTypes": []}, "hosting[0].deploymentTypes: names none"),
        ({"effectiveFrom": "2026-01-01T00:30:00Z"}, "hosting[0].effectiveFrom: 2026-01-01T00:30:00+00:00 is"),
        ({"region": "x"}, "hosting[0]: object contains unknown field `region`"),
    ],
)  # fmt: skip
def test_a_faulty_hosting_rate_is_named(change: Entry, fault: str) -> None:
    _, faults = read(hosting=[HOSTED | change])

    assert [each for each in faults if not each.startswith(fault)] == []
    assert len(faults) == 1


def test_hosting_rates_that_overlap_are_refused() -> None:
    _, faults = read(hosting=[HOSTED, HOSTED | {"effectiveFrom": "2026-03-01T00:00:00Z"}])

    assert [fault.partition(" overlaps ")[0] for fault in faults] == [
        "hosting[1].effectiveFrom: hosting/gpt-4o/Standard@2026-03-01T00Z",
        "hosting[1].effectiveFrom: hosting/gpt-4o/GlobalStandard@2026-03-01T00Z",
    ]


def test_tokens_of_reserved_capacity_have_no_price_because_its_hours_have() -> None:
    kinds = ["GlobalStandard", "GlobalProvisionedManaged"]

    _, faults = read(entry(deploymentTypes=kinds, perMillion={"input_tokens": "1", "output_tokens": "2"}))

    assert faults == [
        "prices[0].deploymentTypes: GlobalProvisionedManaged is paid by the hour in shared-costs.yaml;"
        " its tokens have no price"
    ]


def test_a_regional_price_names_the_places_that_it_was_read_for() -> None:
    """A US price of Standard deployments would bill Sweden a tenth to a fifth too little."""
    regional = entry(deploymentTypes=["DataZoneStandard", "Standard"], perMillion={"input_tokens": "2.75"})
    faults: list[str] = []

    assert read(regional)[1] == [
        "prices[0].regions: a price of Standard deployments names the regions or zones that it was read for"
    ]
    assert read(regional | {"zones": ["us"]})[1] == read(regional | {"regions": ["eastus2"]})[1] == []
    rate_card({"currency": "USD", "prices": [regional]}, faults)  # what is stored stays readable
    assert faults == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"zones": ["mars"]}, "zones: 'mars' is not one of us, eu, apac"),
        ({"regions": ["eu"]}, "regions: 'eu' is a zone"),
        ({"zones": []}, "zones: names none, an empty one, or one twice"),
        ({"promisedUntil": "2026-12-01T00:30:00Z"}, "promisedUntil: 2026-12-01T00:30:00+00:00 is not a whole hour"),
        ({"verified": "hearsay"}, "verified: invalid enum value 'hearsay'"),
        ({"observed": "yesterday"}, "observed: invalid RFC3339 encoded date"),
    ],
)
def test_what_an_entry_says_of_itself_is_checked(fields: Entry, fault: str) -> None:
    (found,) = read(entry(perMillion={"input_tokens": "1"}, **fields))[1]

    assert found.startswith(f"prices[0].{fault}")


def test_a_price_knows_how_it_was_verified_and_until_when_it_was_promised() -> None:
    said = {"verified": "api", "observed": "2026-09-14", "promisedUntil": "2026-12-01T00:00:00Z"}
    card, faults = read(entry(perMillion={"input_tokens": "4"}, **said))

    ((price,),) = card.prices.values()
    assert faults == []
    assert (price.verified, price.observed) == ("api", date(2026, 9, 14))
    assert price.promised_until == datetime(2026, 12, 1, tzinfo=UTC)
