"""`explain --charge` ends with findings where the row, the books and the ledger do not add up."""

import asyncio
import json
from types import SimpleNamespace

import pytest
import typer

from chargeback.cli import explain
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.explain import Explainer
from tests.support.builders import DAY, tokens
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import in_memory
from tests.support.published_files import PERIOD
from tests.support.published_product import SEARCH, PublishedProduct, call


async def published_charge() -> tuple[PublishedProduct, str]:
    rules = (Rule("by-team", {"subscription": "search"}, SEARCH),)
    published_product = PublishedProduct(in_memory(catalogue(dated(Meter.INPUT, (START, "2.5")), rules=rules)))
    await published_product.ingest(call(id="a", usage=tokens(1_000, 1)), call(id="b", usage=tokens(500, 1)))
    await published_product.publish()
    return published_product, (await published_product.explain_largest())["chargeId"]


def test_a_charge_whose_event_the_ledger_lost_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published_product, charge = asyncio.run(published_charge())
    stores = published_product.in_memory
    explainer = Explainer(published_product.published, stores.catalogues, stores.settled_days, stores.ledger)
    monkeypatch.setattr(explain, "run", lambda work: asyncio.run(work(SimpleNamespace(explainer=explainer))))

    explain.explain(PERIOD, SEARCH, charge=charge)
    del stores.ledger.events[DAY][1]
    with pytest.raises(typer.Exit) as told:
        explain.explain(PERIOD, SEARCH, charge=charge)
    text = capsys.readouterr().out
    with pytest.raises(typer.Exit):
        explain.explain(PERIOD, SEARCH, charge=charge, as_json=True)
    printed = json.loads(capsys.readouterr().out)["charge"]["disagreements"]

    assert told.value.exit_code == ExitCode.FINDINGS
    assert f"run `chargeback audit --day {DAY}`" in text
    assert [each.endswith(f"run `chargeback audit --day {DAY}`") for each in printed] == [True]
