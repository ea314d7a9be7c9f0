"""The provider's cost export: a damaged manifest or partition is refused naming the file, or adds up exactly."""

import asyncio
import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.domain.errors import ChargebackError
from chargeback.domain.invoice.cost_exports import choose_run
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.services.reconciling.invoice import Invoice, read_invoice
from tests.fuzz.mutations import HOSTILE, damaged, mutated
from tests.support.cost_exports import exported

_PERIOD = "2026-03"
_MANIFEST = {
    "manifestVersion": "2024-04-01",
    "exportConfig": {"type": "FocusCost", "exportName": "focus"},
    "runInfo": {
        "submittedTime": "2026-04-05T04:00:00.123Z",
        "startDate": "2026-03-01T00:00:00",
        "endDate": "2026-03-31T00:00:00",
    },
    "blobs": [{"blobName": "focus/20260301-20260331/run/part_0.csv"}],
}


def attempt(random: Random) -> None:
    """Read a run of an export whose manifest or partition was changed."""
    rows = [exported() for _ in range(3)]
    manifest: Any = _MANIFEST
    if random.random() < 0.5:
        for _ in range(random.randint(1, 3)):
            random.choice(rows)[random.choice(list(rows[0]))] = str(random.choice(HOSTILE))
    content = _csv(rows)
    if random.random() < 0.3:
        content = damaged(content, random)
    text = json.dumps(mutated(manifest, random) if random.random() < 0.5 else manifest).encode()
    if random.random() < 0.1:
        text = damaged(text, random)
    with TemporaryDirectory() as folder:
        run = Path(folder) / "focus/20260301-20260331/run"
        run.mkdir(parents=True)
        (run / "part_0.csv").write_bytes(content)
        (run / "manifest.json").write_bytes(text)
        try:
            invoice = asyncio.run(_read(Path(folder)))
        except ChargebackError:
            return
    for charge in invoice.charges:
        assert charge.cost.is_finite(), charge
        assert abs(charge.cost) < Decimal(10) ** 21, charge
        assert charge.day.startswith(_PERIOD), charge


async def _read(folder: Path) -> Invoice:
    exports = LocalCostExports([folder])
    run = choose_run(await exports.runs(""), _PERIOD, exports.place)
    return await read_invoice(
        exports,
        run,
        _PERIOD,
        rules=ReconciliationRules(),
        meters=ProviderMeters(),
        accounts={"oai-swedencentral"},
        currency="USD",
    )


def _csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")
