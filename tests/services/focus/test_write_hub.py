"""What a FinOps hub finds in its container, and that dropping a month again replaces it."""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.reports.focus_columns import FocusVersion, focus_columns
from chargeback.services.focus import focus_rows
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.focus.write_hub import deliver_to_hub, write_hub
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import ignore_progress
from tests.support.period_tables import framed, period_tables, row
from tests.support.rows_of_every_kind import costs, csv_rows, every_kind, written

FOLDER = "finops-hub/Costs/2026/03/chargeback"
DROP = [f"{FOLDER}/chargeback__costs.parquet", f"{FOLDER}/manifest.json"]

# What the hub's table `Costs_raw` can take a Parquet column as: its types by ours.
HUB_TYPES = {
    "BilledCost": "DECIMAL",
    "BillingPeriodStart": "TIMESTAMP",
    "ChargePeriodEnd": "TIMESTAMP",
    "CommitmentDiscountQuantity": "DECIMAL",
    "ConsumedQuantity": "DECIMAL",
    "ListUnitPrice": "DECIMAL",
    "Tags": "VARCHAR",
    "x_BilledUnitPrice": "DECIMAL",
    "x_BillingExchangeRate": "DECIMAL",
    "x_BillingExchangeRateDate": "TIMESTAMP",
    "x_CostCenter": "VARCHAR",
}


def dropped(folder: Path, period: PeriodTables) -> tuple[list[str], list[dict[str, Any]], dict[str, str]]:
    """The files, the rows of the Parquet file and its column types."""
    files = written(write_hub, period)
    path = folder / "read.parquet"
    path.write_bytes(files[DROP[0]])
    with duckdb.connect() as engine:
        result = engine.execute("FROM read_parquet($path)", {"path": str(path)})
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, values, strict=True)) for values in result.fetchall()]
        types = dict(
            engine.execute(
                "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet($path))", {"path": str(path)}
            ).fetchall()
        )
    return list(files), rows, types


def test_a_month_is_one_file_in_the_folder_of_its_month_and_a_manifest_after_it(tmp_path: Path) -> None:
    files, rows, _ = dropped(tmp_path, period_tables(tmp_path, every_kind()))

    assert files == DROP
    assert len(rows) == 7
    assert sum(each["BilledCost"] for each in rows) == Decimal("1005.5025")


def test_the_rows_are_those_of_the_focus_file_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    period = period_tables(tmp_path, every_kind())
    monkeypatch.setattr(focus_rows, "_BATCH_ROWS", 1)

    _, rows, _ = dropped(tmp_path, period)

    told = csv_rows(written(write_focus, period)["focus-1.2-2026-03.csv"])
    assert [each["x_ChargeId"] for each in rows] == [each["x_ChargeId"] for each in told]
    assert [each["BilledCost"] for each in rows] == [Decimal(each["BilledCost"]) for each in told]


def test_the_columns_have_types_that_the_hub_takes(tmp_path: Path) -> None:
    _, _, types = dropped(tmp_path, period_tables(tmp_path, every_kind()))

    assert list(types) == list(focus_columns(FocusVersion.V1_2))
    assert {name: types[name].partition("(")[0] for name in HUB_TYPES} == HUB_TYPES


def test_the_billing_period_is_the_calendar_month_whatever_the_time_zone(tmp_path: Path) -> None:
    rate = {"exchange_rate": Decimal("0.92"), "exchange_rate_date": "2026-03-13", "currency": "EUR"}
    period = framed(
        period_tables(tmp_path, [row(charge_date="2026-03-01", **rate, **costs("2.30"))]),
        time_zone="Europe/Berlin",
        currency="EUR",
        start=datetime(2026, 2, 28, 23, tzinfo=UTC),
        end=datetime(2026, 3, 31, 22, tzinfo=UTC),
    )

    _, (told,), _ = dropped(tmp_path, period)

    assert (told["BillingPeriodStart"], told["BillingPeriodEnd"]) == (datetime(2026, 3, 1), datetime(2026, 4, 1))  # noqa: DTZ001
    assert told["ChargePeriodStart"] == datetime(2026, 2, 28, 23)  # noqa: DTZ001
    assert told["x_BillingExchangeRateDate"] == datetime(2026, 3, 13)  # noqa: DTZ001


def test_a_month_that_changed_keeps_its_names(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    one = written(write_hub, period_tables(tmp_path / "one", [row()]))
    two = written(write_hub, period_tables(tmp_path / "two", [row(), row(cost_centre="product")]))

    assert list(one) == list(two) == DROP
    assert one != two


def test_the_manifest_says_what_the_file_is_and_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    period = period_tables(tmp_path, every_kind(), is_closed=True)

    files = written(write_hub, period)

    assert files == written(write_hub, period)
    manifest = json.loads(files[DROP[1]])
    assert manifest["isClosed"] is True
    assert manifest["files"] == [
        {
            "name": "chargeback__costs.parquet",
            "rows": 7,
            "bytes": len(files[DROP[0]]),
            "sha256": sha256(files[DROP[0]]).hexdigest(),
        }
    ]


def test_a_period_without_costs_drops_nothing(tmp_path: Path) -> None:
    """Data Explorer refuses a file without rows, three times over."""
    assert written(write_hub, period_tables(tmp_path, [row(state="unpriced", **costs(None))])) == {}


def test_the_manifest_is_delivered_last_and_a_second_delivery_replaces_the_first(tmp_path: Path) -> None:
    reports, hub = MemoryReports(), MemoryReports()

    async def deliver(period: PeriodTables) -> list[str]:
        await write_hub(period, Files(reports), ignore_progress)
        return await deliver_to_hub(reports, hub, "2026-03")

    period = period_tables(tmp_path, every_kind())
    first, second = (asyncio.run(deliver(period)) for _ in range(2))

    assert (
        first
        == second
        == ["Costs/2026/03/chargeback/chargeback__costs.parquet", "Costs/2026/03/chargeback/manifest.json"]
    )
    assert sorted(hub.files) == first
    assert hub.files[first[0]] == reports.files[f"2026-03/{DROP[0]}"]
