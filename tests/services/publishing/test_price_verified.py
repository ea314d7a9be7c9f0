"""Each row says how its price is known, and a correction says it of the price that it uses."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.origins import price_origins
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.reports.unverified import UnverifiedAmount
from chargeback.domain.terms.shared_costs import CostKind, Per
from chargeback.domain.terms.terms import Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.rows_of_period import open_rows
from tests.support.catalogues import START, catalogue, dated
from tests.support.published_files import charge, published, record, rows_of
from tests.support.published_months import APRIL, MARCH, Ledger, of_march
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

DAY = {MARCH: ["2026-03-14"]}


def known(verified: Verified | None, amount: str = "2.5") -> Catalogue:
    """A card with the price of `charge`."""
    ((key, (price,)),) = dated(Meter.INPUT, (START, amount)).items()
    ours = replace(price, price_id="card/input_tokens@2026-01-01T00Z", verified=verified)
    return catalogue({key: (ours,)})


@pytest.mark.parametrize("verified", [*Verified, None])
async def test_a_row_says_how_its_price_is_known(verified: Verified | None) -> None:
    _, files = await published([record(charge(), charge(Meter.REQUESTS, 3, "0"))], catalogue=known(verified))

    rows = {row["meter"]: row["price_verified"] for row in rows_of(files)}

    assert rows == {"input_tokens": verified or "", "requests": ""}


async def test_only_the_very_price_counts() -> None:
    _, files = await published([record()], catalogue=known(Verified.API, "3"))

    assert [row["price_verified"] for row in rows_of(files)] == [""]


async def test_a_part_of_a_shared_cost_says_it_too_and_a_true_up_is_from_the_invoice() -> None:
    reserved = fee(cost_id="ptu", kind=CostKind.PROVISIONED, verified=Verified.ASSUMED, per=Per.MONTH)
    _, files = await published([record()], terms=Terms(shared_costs=[reserved, fee()]))

    assert {row["shared_cost"]: row["price_verified"] for row in rows_of(files) if row["kind"] == "shared"} == {
        "ptu": "assumed",
        "gateway": "",
    }


async def test_a_correction_has_the_value_of_its_price() -> None:
    ledger = Ledger(catalogue=known(Verified.THIRD_PARTY))
    await ledger.publish(MARCH, [of_march(1000, "0.0025", user="ann")])

    rows = await ledger.publish(APRIL, [of_march(3000, "0.0075", user="new")], DAY)

    assert {(row["user"], row["price_verified"]) for row in rows} == {("ann", "third-party"), ("new", "third-party")}


async def test_a_month_that_was_closed_before_there_was_the_column_is_still_read(tmp_path: Path) -> None:
    ledger = Ledger(catalogue=known(Verified.API))
    await ledger.publish(MARCH, [of_march(1000, "0.0025", user="ann"), of_march(7, "0.0000175", user="bob")])
    before = ledger.file(MARCH)
    old = tmp_path / "old.parquet"
    (tmp_path / "new.parquet").write_bytes(before)
    duckdb.sql(f"COPY (SELECT * EXCLUDE (price_verified) FROM '{tmp_path}/new.parquet') TO '{old}' (FORMAT parquet)")
    ledger.replace_file(MARCH, old.read_bytes())

    rows = await ledger.publish(APRIL, [of_march(7, "0.0000175", user="bob")], DAY)

    with open_rows(old) as found:
        assert {row["price_verified"] for row in found.ask("row", charge_id=rows[0]["corrects_charge_id"])} == {""}
    assert [(row["user"], row["quantity"], row["price_verified"]) for row in rows] == [("ann", "-1000", "api")]


async def test_of_two_cards_the_first_says_how_a_price_is_known() -> None:
    both = price_origins([known(Verified.INVOICE), known(Verified.ASSUMED), known(Verified.API, "3")])

    assert [(each.per_million, each.verified) for each in both] == [(Decimal("2.5"), "invoice"), (Decimal(3), "api")]


async def test_the_manifest_sums_what_rests_on_unverified_prices() -> None:
    reserved = fee("10", cost_id="ptu", kind=CostKind.PROVISIONED, period=MARCH, per=Per.PERIOD)
    platform = fee("5", cost_id="platform", period=MARCH, per=Per.PERIOD)
    records = [record(charge(quantity=1_000_000, cost="2.5"), charge(Meter.REQUESTS, 3, "0")), record(user="bob")]
    made, _ = await published(
        records, catalogue=known(Verified.ASSUMED), terms=Terms(shared_costs=[reserved, platform])
    )

    assert made.totals == {"USD": "17.502500"}
    assert made.unverified == [
        UnverifiedAmount("", "ptu", "", "USD", 1, "10.000000", "0.5713"),
        UnverifiedAmount("assumed", "test", "gpt-4o", "USD", 2, "2.502500", "0.143"),
    ]


async def test_a_proven_price_is_not_in_the_sums() -> None:
    made, _ = await published([record()], catalogue=known(Verified.INVOICE))

    assert made.unverified == []
