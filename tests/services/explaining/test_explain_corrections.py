"""A correction is explained from the amount last billed down to the events, through closings and corrections."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import msgspec
import pytest

from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.explaining.explain import Explainer
from chargeback.services.explaining.render_explanation import text_of
from chargeback.services.publishing.published_rows import Published
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real

pytestmark = pytest.mark.anyio

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)


async def call(in_memory: ClosingProduct, name: str, tokens_in: int, now: datetime, day: str = "2026-03-05") -> None:
    await in_memory.ingest([usage_event(id=name, time=f"{day}T09:00:00Z", usage=tokens(tokens_in, 0))], now)
    await in_memory.auditor.audit(now)


async def explained(in_memory: ClosingProduct, period: str, tmp_path: Any) -> list[dict[str, Any]]:
    """Each charge of input tokens of a period in full."""
    published = Published(in_memory.control, in_memory.reports, in_memory.closed)
    explainer = Explainer(published, in_memory.catalogues, in_memory.settled_days, in_memory.ledger)
    file = await published.fetch(period, tmp_path)
    with duckdb.connect() as engine:
        found = engine.execute(
            f"SELECT cost_centre, charge_id FROM '{file}' WHERE meter = 'input_tokens' ORDER BY charge_date, quantity"
        ).fetchall()
    return [
        msgspec.to_builtins(await explainer.explain(period, centre, charge_id=charge_id))["charge"]
        for centre, charge_id in found
    ]


async def three_months() -> ClosingProduct:
    """40 million tokens at 2.50 in March (100 USD), 8 million more in April (20), 2 million more in May (5)."""
    in_memory = published_for_real(ClosingProduct())
    await call(in_memory, "first", 40_000_000, MAY)
    await in_memory.close("2026-03", MAY)
    await call(in_memory, "second", 8_000_000, MAY)
    await in_memory.close("2026-04", MAY + timedelta(days=9))
    await call(in_memory, "third", 2_000_000, MAY + timedelta(days=10))
    await in_memory.publish_drafts(JUNE)
    return in_memory


async def test_a_second_correction_begins_with_what_the_first_one_left(tmp_path: Any) -> None:
    in_memory = await three_months()

    (first,) = await explained(in_memory, "2026-04", tmp_path)
    (second,) = await explained(in_memory, "2026-05", tmp_path)

    assert (first["corrects"]["costBefore"], first["corrects"]["costAfter"]) == ("100", "120")
    assert (second["corrects"]["costBefore"], second["corrects"]["costAfter"]) == ("120", "125")
    assert second["corrects"]["reason"] == "late-usage"


async def test_a_correction_leads_down_to_the_events_of_its_charge(tmp_path: Any) -> None:
    in_memory = await three_months()

    (second,) = await explained(in_memory, "2026-05", tmp_path)

    (record,) = second["records"]
    assert [(event["id"], event["quantity"]) for event in record["events"]["first"]] == [
        ("first", 40_000_000),
        ("second", 8_000_000),
        ("third", 2_000_000),
    ]
    assert second["disagreements"] == []


async def test_usage_of_a_time_before_the_books_is_explained_though_nothing_was_published_of_it(tmp_path: Any) -> None:
    in_memory = published_for_real(ClosingProduct())
    await call(in_memory, "march", 40_000_000, MAY)
    await in_memory.close("2026-03", MAY)
    await call(in_memory, "january", 8_000_000, MAY, "2026-01-05")
    await in_memory.publish_drafts(MAY)

    (charge,) = await explained(in_memory, "2026-04", tmp_path)

    assert charge["corrects"]["wasThere"] is False
    assert (charge["corrects"]["costBefore"], charge["corrects"]["costAfter"]) == ("0", "20")
    assert [event["id"] for event in charge["records"][0]["events"]["first"]] == ["january"]


async def test_a_closed_row_keeps_the_price_that_it_was_closed_with_after_its_month_is_rated_again(
    tmp_path: Any,
) -> None:
    in_memory = published_for_real(ClosingProduct())
    await call(in_memory, "first", 40_000_000, MAY)
    await in_memory.close("2026-03", MAY)
    in_memory.catalogues.catalogue = priced("4")
    await correct_period(
        "2026-03", in_memory.closing_books, in_memory.ledger, PeriodChange("rated anew", MAY, "ann", "contract")
    )
    await in_memory.publish_drafts(MAY)

    (closed,) = await explained(in_memory, "2026-03", tmp_path)
    less, more = await explained(in_memory, "2026-04", tmp_path)

    assert (closed["price"]["perMillion"], closed["configuration"]) == ("2.5", "frozen when the period was closed")
    assert (more["price"]["perMillion"], more["configuration"]) == ("4", "which rates the closed period now")
    assert (less["corrects"]["costBefore"], less["corrects"]["costAfter"]) == ("100", "0")
    assert (more["corrects"]["costBefore"], more["corrects"]["costAfter"]) == ("0", "160")
    assert {less["corrects"]["reason"], more["corrects"]["reason"]} == {"rated-again"}
    assert [event["id"] for event in more["records"][0]["events"]["first"]] == ["first"]


async def test_the_text_says_why_and_from_what_to_what(tmp_path: Any) -> None:
    in_memory = await three_months()
    explainer = Explainer(
        Published(in_memory.control, in_memory.reports, in_memory.closed),
        in_memory.catalogues,
        in_memory.settled_days,
        in_memory.ledger,
    )
    (charge,) = await explained(in_memory, "2026-05", tmp_path)
    found = await explainer.explain("2026-05", "unallocated", charge_id=charge["chargeId"])

    text = text_of(found)

    assert "of 2026-03: late-usage" in text
    assert "cost 120 USD → 125 USD with this correction" in text
