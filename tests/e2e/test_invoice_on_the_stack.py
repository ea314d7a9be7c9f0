"""Reconcile, true up and explain from the terminal, on the real stores and the configuration of the repository."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from chargeback.adapters.config.retail_meters import load_retail_meters
from chargeback.bootstrap import Container
from chargeback.cli.reconcile import ReconciledPeriod
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.time.months import dates_of
from chargeback.domain.usage.meters import Meter
from chargeback.settings import read_settings
from stack.example import EXAMPLE_CONFIG
from stack.identity.people import PEOPLE
from stack.stack import Stack
from tests.support.builders import cloud_event, tokens
from tests.support.command_line import chargeback, output_of
from tests.support.cost_exports import csv_bytes, exported, gzipped, run_files

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()
SIGNED_IN = f"{PEOPLE['admin'].name} [{PEOPLE['admin'].object_id}]"
PERIOD = TODAY[:7]
MONTH = f"{NOW:%Y%m}01-{NOW:%Y%m}28"
HOST = "oai-eastus2-x1.openai.azure.com"


def meter_of(meter: Meter) -> str:
    """The reviewed id of a gpt-4o meter in East US 2."""
    return next(
        meter_id
        for meter_id, reviewed in load_retail_meters(EXAMPLE_CONFIG).meters.items()
        for key in reviewed.keys
        if reviewed.region == "eastus2"
        and (key.model, key.version, key.deployment_type, key.service_tier, key.variant, key.meter)
        == ("gpt-4o", "2024-11-20", DeploymentType.GLOBAL_STANDARD, "default", "", meter)
    )


@pytest.fixture
def month(clean_stores: Stack, tmp_path: Path) -> Path:
    """A published month: 3 calls of a million input tokens and 100 000 output tokens each."""
    events = [
        cloud_event(
            id=f"call-{number}",
            time=f"{TODAY}T00:00:0{number}Z",
            backend=HOST,
            usage=tokens(1_000_000, 100_000),
        )
        for number in range(3)
    ]
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    output_of("ingest", str(file))
    output_of("post")
    output_of("publish", PERIOD)
    return tmp_path


def upload(blobs: dict[str, bytes]) -> None:
    async def work() -> None:
        container = Container(read_settings())
        for name, data in blobs.items():
            await container.blobs.get_blob_client("cost-exports", name).upload_blob(data, overwrite=True)
        await container.close()

    asyncio.run(work())


def invoice(*, input_millions: str, run: str = "bbbb", submitted: datetime | None = None) -> dict[str, bytes]:
    """A run of the export that was made long after the month: its days are final."""
    on = {"ChargePeriodStart": f"{TODAY}T00:00:00Z", "x_PricingBlockSize": "1000000"}
    rows = [
        exported(**on, x_SkuMeterId=meter_of(Meter.INPUT), PricingQuantity=input_millions, BilledCost="7.5"),
        exported(**on, x_SkuMeterId=meter_of(Meter.OUTPUT), PricingQuantity="0.3", BilledCost="3"),
    ]
    return run_files(
        {"part_0_0001.csv.gz": gzipped(rows[:1]), "part_1_0001.csv.gz": gzipped(rows[1:])},
        month=MONTH,
        run=run,
        submitted=(submitted or NOW + timedelta(days=40)).isoformat(),
        end=f"{dates_of(PERIOD)[-1]}T00:00:00Z",
    )


def report() -> dict[str, object]:
    async def work() -> bytes:
        container = Container(read_settings())
        content = b"".join(
            [piece async for piece in container.reports.read(f"reconciliation/reconciliation-{PERIOD}.json")]
        )
        await container.close()
        return content

    found: dict[str, object] = json.loads(asyncio.run(work()))
    return found


def test_a_month_is_reconciled_trued_up_and_explained(month: Path) -> None:
    # The newer run counts alone; the older one beside it has another quantity.
    upload(invoice(input_millions="99", run="aaaa", submitted=NOW + timedelta(days=39)))
    upload(invoice(input_millions="2.4"))

    said = output_of("reconcile", PERIOD)
    found = report()

    # Books: 3 M at 2.50 + 0.3 M at 10 = 10.50, and so is the invoice, for 0.6 M tokens less.
    assert (found["invoiced"], found["booked"], found["variance"]) == ("10.5", "10.5", "0")
    causes = found["causes"]
    assert isinstance(causes, dict)
    assert (causes["not-on-invoice"]["amount"], causes["price-difference"]["amount"]) == ("-1.5", "1.5")
    assert "not-on-invoice" in said

    upload(invoice(input_millions="3") | {})
    dry = output_of("reconcile", PERIOD, "--true-up", "--dry-run", "--json")
    assert "true-up in force" not in output_of("reconcile", PERIOD)
    output_of("reconcile", PERIOD, "--true-up")
    printed = msgspec.json.decode(output_of("reconcile", PERIOD, "--json"), type=ReconciledPeriod)
    rehearsed = msgspec.json.decode(dry, type=ReconciledPeriod)
    assert rehearsed.true_up is not None
    assert printed.true_up is not None
    assert (rehearsed.is_dry_run, rehearsed.true_up.amount) == (True, printed.true_up.amount)
    assert (printed.report.variance, printed.report.tolerance.exceeded) == ("0", False)
    assert (printed.true_up and (printed.true_up.amount, printed.true_up.by)) == ("0", SIGNED_IN)
    assert f"true-up in force: 0 USD, set by {SIGNED_IN}" in output_of("reconcile", PERIOD)
    assert f"the true-up of {PERIOD} is taken back" in output_of("reconcile", PERIOD, "--no-true-up")

    text = output_of("explain", PERIOD, "--cost-centre", "product/search")
    charge_id = re.findall(r"\[([0-9a-f]{32})\]", text)[0]
    one = ("explain", PERIOD, "--cost-centre", "product/search", "--charge", charge_id)
    text, printed = output_of(*one), output_of(*one, "--json")

    assert "3 events of the ledger: 3000000, as the record says" in text
    assert "!!" not in text
    charge = json.loads(printed)["charge"]
    assert (charge["exactCost"], charge["disagreements"]) == ("7.5", [])
    assert [event["id"] for event in charge["records"][0]["events"]["first"]] == ["call-0", "call-1", "call-2"]


def test_what_is_wrong_with_an_export_is_one_message(month: Path) -> None:
    code, _, errors = chargeback("reconcile", PERIOD)
    assert code == 1
    assert f"error: cost-exports: has no FOCUS cost export of {PERIOD}" in " ".join(errors.split())

    columns = [name for name in exported() if name != "BilledCost"]
    bad = month / "bad.csv"
    bad.write_bytes(csv_bytes([exported()], columns=columns))
    code, _, errors = chargeback("reconcile", PERIOD, "--from", str(bad))
    assert code == 1
    assert "has no column BilledCost" in " ".join(errors.split())

    code, _, errors = chargeback("reconcile", PERIOD, "--from", str(month / "nowhere"))
    assert code == 2
    assert "there is no such file or folder" in " ".join(errors.split())


def test_a_centre_that_pays_nothing_is_one_message(month: Path) -> None:
    code, output, errors = chargeback("explain", PERIOD, "--cost-centre", "research")

    assert (code, output) == (1, "")
    assert f"error: {PERIOD}: nothing was charged to 'research'" in " ".join(errors.split())
