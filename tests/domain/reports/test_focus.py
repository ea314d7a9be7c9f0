"""The words of FOCUS, and the days of the books as moments."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.deployments.regions import region_name
from chargeback.domain.reports.focus import (
    PricingUnit,
    charge_period,
    consumed_unit,
    nature,
    pricing_unit,
    provider,
    sku_meter,
)
from chargeback.domain.reports.focus_columns import (
    FOCUS_COLUMNS,
    IDENTITY,
    FocusVersion,
    focus_columns,
    focus_metadata,
)
from chargeback.domain.terms.shared_costs import CostKind
from chargeback.domain.usage.meters import UNITS, Meter

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Africa/Cairo"])
DATES = st.dates(date(2020, 1, 1), date(2039, 12, 31))


@given(ZONES, DATES)
def test_days_adjoin_and_have_23_24_or_25_hours(zone: str, day: date) -> None:
    start, end = charge_period(day.isoformat(), zone)
    following, _ = charge_period((day + timedelta(days=1)).isoformat(), zone)

    assert end == following
    assert (end - start) / timedelta(hours=1) in {23, 24, 25}


def test_the_clocks_go_forward_at_midnight_in_cairo() -> None:
    """On 24 April 2026 there is no midnight: 23:59:59 (UTC+2) is followed by 01:00 (UTC+3)."""
    start, end = charge_period("2026-04-24", "Africa/Cairo")

    assert start == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert end == datetime(2026, 4, 24, 21, tzinfo=UTC)


def test_every_meter_has_words_and_the_shared_ones_their_nature() -> None:
    assert {meter: sku_meter(meter) for meter in (Meter.CACHED_INPUT, "provisioned", "gpu_hours")} == {
        Meter.CACHED_INPUT: "Cached Input Tokens",
        "provisioned": "Provisioned Throughput",
        "gpu_hours": "Gpu Hours",
    }
    assert len({sku_meter(meter) for meter in (*Meter, *CostKind)}) == len(Meter) + len(CostKind)
    assert {nature(kind).frequency for kind in CostKind} == {"Recurring", "One-Time"}
    assert {nature(meter).frequency for meter in Meter} == {"Usage-Based"}


def test_units_are_written_as_focus_does() -> None:
    assert {consumed_unit(unit) for unit in UNITS.values()} == {
        "Tokens",
        "Images",
        "Seconds",
        "Characters",
        "Requests",
        "Counts",
        "Sessions",
        "Calls",
        "Routed Tokens",
    }
    assert pricing_unit("1000000 tokens", "tokens") == PricingUnit("1000000 Tokens", Decimal("0.000001"))
    assert pricing_unit("1 share", "share") == PricingUnit("Shares", Decimal(1))
    assert pricing_unit("1 PTU-hours", "PTU-hours") == PricingUnit("PTU-Hours", Decimal(1))
    assert pricing_unit("", "requests") == PricingUnit("Requests", Decimal(1))


def test_a_pricing_unit_without_exact_quantities_is_refused() -> None:
    with pytest.raises(ValueError, match="a price per 750 tokens"):
        pricing_unit("750 tokens", "tokens")


def test_what_is_not_known_is_called_by_its_id() -> None:
    assert provider("azure-openai") == ("Microsoft", "Azure OpenAI")
    assert provider("acme") == ("acme", "acme")
    assert (region_name("swedencentral"), region_name("moon")) == ("Sweden Central", "moon")


def test_what_identifies_a_row_is_in_the_file() -> None:
    assert set(IDENTITY) < set(FOCUS_COLUMNS)


def test_a_version_has_its_own_columns_before_ours_and_no_later_ones() -> None:
    older, newer = (list(focus_columns(version)) for version in FocusVersion)

    assert [name for name in newer if name not in older] == [
        "AllocatedMethodDetails",
        "AllocatedMethodId",
        "AllocatedResourceId",
        "AllocatedResourceName",
        "AllocatedTags",
        "HostProviderName",
        "ServiceProviderName",
    ]
    assert set(older) < set(newer)
    for columns in (older, newer):
        ours = [name.startswith("x_") for name in columns]
        assert ours == sorted(ours), "what FOCUS does not define comes last"


def test_the_metadata_say_the_version_and_every_column() -> None:
    older, newer = (focus_metadata(version, "Chargeback", "2026-03", {}) for version in FocusVersion)

    assert (older["Schema"]["FocusVersion"], newer["Schema"]["FocusVersion"]) == ("1.2", "1.3")
    assert older["Schema"]["SchemaId"] != newer["Schema"]["SchemaId"]
    assert older["Schema"] == focus_metadata(FocusVersion.V1_2, "Other", "2026-04", {})["Schema"]
    assert "DatasetInstance" not in older, "1.3 brought it"
    defined = {each["ColumnName"]: each for each in older["Schema"]["ColumnDefinition"]}
    assert list(defined) == list(focus_columns(FocusVersion.V1_2))
    assert defined["Tags"] == {"ColumnName": "Tags", "DataType": "JSON", "ProviderTagPrefixes": ["chargeback/"]}
    assert defined["BilledCost"]["DataType"] == "DECIMAL"
