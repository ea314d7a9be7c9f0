"""From an amount to its price, rule, records and events: the product in memory, from ingest to explanation."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.errors import ChargebackError
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.render_explanation import text_of
from tests.support.builders import DAY, NOW, tokens
from tests.support.catalogues import START, catalogue, dated
from tests.support.period_tables import row
from tests.support.product_in_memory import in_memory
from tests.support.published_files import PERIOD
from tests.support.published_product import SEARCH, PublishedProduct, call

pytestmark = pytest.mark.anyio

RULES = (Rule("by-team", {"subscription": "search"}, SEARCH),)
BEFORE = datetime(2026, 3, 20, 9, tzinfo=UTC)


def card(**options: Any) -> Catalogue:
    """gpt-4o at 2.50 in and 10 out; the input price falls to 2.00 at nine on the day of the tests."""
    return catalogue(
        dated(Meter.INPUT, (START, "2.5"), (BEFORE, "2")), dated(Meter.OUTPUT, (START, "10")), rules=RULES, **options
    )


@pytest.fixture
def published_product() -> PublishedProduct:
    return PublishedProduct(in_memory(card()))


async def test_a_total_is_taken_apart_by_kind_and_by_price_the_largest_first(
    published_product: PublishedProduct,
) -> None:
    # At ten: 1 000 000 in at 2.00 = 2.00, 100 000 out at 10 = 1.00. At eight: 400 000 in at 2.50 = 1.00.
    await published_product.ingest(
        call(time=f"{DAY}T10:00:00Z", usage=tokens(1_000_000, 100_000)),
        call(time=f"{DAY}T08:00:00Z", usage=tokens(400_000, 0), subscriptionId="search"),
        call(time=f"{DAY}T08:00:00Z", usage=tokens(7, 7), subscriptionId="nobody"),
    )
    await published_product.publish()

    found = await published_product.explain()

    assert (found["cost"], found["currency"], found["isClosed"]) == ("4", "USD", False)
    assert found["kinds"]["usage"]["cost"] == "4"
    assert [(group["meter"], group["cost"], group["unitPrice"]) for group in found["usage"]] == [
        ("input_tokens", "2", "2"),
        ("input_tokens", "1", "2.5"),
        ("output_tokens", "1", "10"),
    ]


async def test_the_groups_that_are_left_out_are_summed(published_product: PublishedProduct) -> None:
    await published_product.ingest(
        call(time=f"{DAY}T10:00:00Z", usage=tokens(1_000_000, 100_000)),
        call(time=f"{DAY}T08:00:00Z", usage=tokens(400_000, 0)),
    )
    await published_product.publish()

    found = await published_product.explain(limit=1)

    assert len(found["usage"]) == 1
    assert found["usageLeftOut"] == {"groups": 2, "cost": "2"}


async def test_a_charge_leads_to_price_rule_deployment_record_and_events(published_product: PublishedProduct) -> None:
    await published_product.ingest(
        call(id="a", time=f"{DAY}T10:00:00Z", usage=tokens(1_000, 1)),
        call(id="b", time=f"{DAY}T11:00:00Z", usage=tokens(500, 1)),
        call(id="c", time=f"{DAY}T08:59:59.999Z", usage=tokens(7, 1)),
    )
    await published_product.publish()

    charge = await published_product.explain_largest()

    assert (charge["quantity"], charge["exactCost"], charge["cost"]) == ("1500", "0.003", "0.003")
    assert (charge["calculation"]["result"], charge["calculation"]["agrees"]) == ("0.003", True)
    assert charge["price"]["effective"] == "from 2026-03-20T09:00Z until further notice"
    assert (charge["price"]["source"], charge["configuration"]) == ("test", "in force now")
    assert charge["rule"] == {
        "id": "by-team",
        "when": {"subscription": "search"},
        "costCentre": SEARCH,
        "effective": "from ever until further notice",
    }
    assert charge["deployment"]["type"] == "GlobalStandard"
    (record,) = charge["records"]
    assert (record["day"], record["hours"], record["quantity"]) == (DAY, {"10": 1000, "11": 500}, 1500)
    assert [(event["id"], event["quantity"]) for event in record["events"]["first"]] == [("a", 1000), ("b", 500)]
    assert charge["disagreements"] == []


async def test_every_charge_of_a_month_leads_back_to_its_own_events(published_product: PublishedProduct) -> None:
    for number in range(6):
        await published_product.ingest(
            call(
                id=f"e{number}",
                time=f"2026-03-{19 + number % 2}T{number * 4:02}:30:00Z",
                usage=tokens(100 + number, 10 + number, cached=number, reasoning=number),
                subscriptionId=["search", "nobody"][number % 2],
                appId=f"app-{number % 3}",
            ),
            call(id=f"s{number}", type="pending", stream=True, time=f"{DAY}T{number:02}:00:00Z"),
        )
    await published_product.publish()

    explained = 0
    for centre in (SEARCH, "unallocated"):
        for group in (await published_product.explain(centre, limit=100))["usage"]:
            for line in group["largest"]:
                charge = (await published_product.explain(centre, charge_id=line["chargeId"]))["charge"]
                assert charge["disagreements"] == [], charge
                assert charge["records"], charge
                explained += 1
    assert explained > 12


async def test_the_printed_amount_says_how_it_was_rounded() -> None:
    # 333 tokens at 2.00 per million are 0.000666, printed with 4 places as 0.0007: rounded by 0.000034.
    published_product = PublishedProduct(in_memory(card()), decimals=4)
    await published_product.ingest(call(time=f"{DAY}T10:00:00Z", usage=tokens(333, 0)))
    await published_product.publish()

    charge = await published_product.explain_largest()

    assert (charge["exactCost"], charge["cost"], charge["rounding"]) == ("0.000666", "0.0007", "0.000034")


async def test_an_event_that_the_ledger_lost_is_said_loudly(published_product: PublishedProduct) -> None:
    await published_product.ingest(call(id="a", usage=tokens(1_000, 1)), call(id="b", usage=tokens(500, 1)))
    await published_product.publish()
    del published_product.in_memory.ledger.events[DAY][1]

    charge = await published_product.explain_largest()

    assert charge["disagreements"] == [
        f"the ledger has 1000 input_tokens in 1 events for line {charge['records'][0]['lineId']} of {DAY},"
        f" the books have 1500: run `chargeback audit --day {DAY}`"
    ]
    assert "!!" in text_of(await published_product.explanation(charge_id=charge["chargeId"]))


async def test_books_that_changed_after_publishing_are_said_loudly(published_product: PublishedProduct) -> None:
    await published_product.ingest(call(id="a", usage=tokens(1_000, 1)))
    await published_product.publish()
    await published_product.ingest(call(id="late", usage=tokens(11, 1)))
    await published_product.in_memory.poster.post(NOW)

    charge = await published_product.explain_largest()

    assert charge["disagreements"] == [
        "the books have 1011 input_tokens now, the published row 1000: they changed after it was published"
    ]


async def test_where_the_days_of_the_books_are_not_utc_days_both_records_are_found() -> None:
    calendar = Calendar((BooksSetting("2020-01", "America/New_York", "USD"),))
    published_product = PublishedProduct(in_memory(card(calendar=calendar)))
    # 22:00 of the 19th in New York is 02:00 UTC of the 20th, 12:00 of the 19th is 16:00 UTC of the 19th.
    await published_product.ingest(
        call(id="noon", time="2026-03-19T16:00:00Z", usage=tokens(100, 1)),
        call(id="night", time="2026-03-20T02:00:00Z", usage=tokens(20, 1)),
        call(id="next", time="2026-03-20T05:00:00Z", usage=tokens(3, 1)),
    )
    await published_product.publish()

    charge = await published_product.explain_largest()

    assert (charge["date"], charge["quantity"]) == ("2026-03-19", "120")
    assert [(record["day"], record["quantity"]) for record in charge["records"]] == [
        ("2026-03-19", 100),
        ("2026-03-20", 20),
    ]
    assert charge["disagreements"] == []


async def test_what_has_no_price_and_what_waits_for_tokens_is_no_zero(published_product: PublishedProduct) -> None:
    await published_product.ingest(
        call(id="x", deployment="canary", usage=tokens(100, 1)), call(id="s", type="pending", stream=True)
    )
    await published_product.publish()

    found = await published_product.explain()
    charge = await published_product.explain_largest()

    assert (found["cost"], found["unpricedRows"], found["unsettledRequests"]) == ("0", 2, 1)
    assert (charge["cost"], charge["price"], charge["deployment"]) == (None, None, None)
    assert "cost not known" in text_of(await published_product.explanation())


async def test_a_shared_cost_is_shown_as_a_whole_with_every_part(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    part = {
        "kind": "shared",
        "meter": "provisioned",
        "shared_cost": "ptu",
        "allocation_basis": "usage",
        "price_id": "ptu",
    }
    published_product.put(
        tmp_path / "rows",
        [
            row(**part, charge_id="a" * 32, cost=Decimal(75), exact_cost=Decimal(75), allocated_ratio=Decimal("0.75")),
            row(
                **part, charge_id="b" * 32, cost=Decimal(25), exact_cost=Decimal(25), allocated_ratio=Decimal("0.25"),
                cost_centre="research",
            ),
        ],
    )  # fmt: skip

    found = await published_product.explain(charge_id="a" * 32)

    shared = found["charge"]["sharedCost"]
    assert (shared["whole"], shared["basis"], shared["agrees"]) == ("100", "usage", True)
    assert [(each["costCentre"], each["ratio"], each["cost"]) for each in shared["parts"]] == [
        (SEARCH, "0.75", "75"),
        ("research", "0.25", "25"),
    ]
    assert "75.0000 %  75 USD  product/search" in text_of(await published_product.explanation(charge_id="a" * 32))


async def test_a_shared_cost_says_what_each_centre_used_and_where_the_price_was_read(
    published_product: PublishedProduct,
) -> None:
    # 10 USD by cost: search used 3.00, nobody's calls 1.00, so 7.50 and 2.50.
    cost = SharedCost(
        "gateway", "Gateway", CostKind.FEE, Decimal(10), Per.MONTH, "USD", Basis.USAGE, source="price list of March"
    )
    published_product.in_memory.catalogues.settled_by = Terms(shared_costs=[cost])
    await published_product.ingest(
        call(time=f"{DAY}T10:00:00Z", usage=tokens(1_500_000, 0)),
        call(time=f"{DAY}T10:00:00Z", usage=tokens(500_000, 0), subscriptionId="nobody"),
    )
    await published_product.publish()

    (part,) = (await published_product.explain())["shared"]
    found = await published_product.explain(charge_id=part["chargeId"])

    assert (part["id"], part["kind"], part["ratio"], part["cost"]) == ("gateway", "fee", "0.75", "7.5")
    shared = found["charge"]["sharedCost"]
    assert (shared["measure"], shared["source"]) == ("cost", "price list of March")
    assert [(each["costCentre"], each["used"], each["cost"]) for each in shared["parts"]] == [
        (SEARCH, "3", "7.5"),
        ("unallocated", "1", "2.5"),
    ]


async def test_a_correction_shows_the_closed_row_before_and_after(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    await published_product.close("2026-02")
    published_product.put(tmp_path / "feb", [row(charge_id="c" * 32, charge_date="2026-02-27")], "2026-02", closed=True)
    published_product.put(
        tmp_path / "mar",
        [
            row(
                kind="correction", charge_id="d" * 32, charge_date="2026-02-27", corrects_period="2026-02",
                corrects_charge_id="c" * 32, quantity=Decimal(-400_000), cost=Decimal(-1), exact_cost=Decimal(-1),
            )
        ],
    )  # fmt: skip

    found = await published_product.explain(charge_id="d" * 32)

    assert found["corrections"][0]["correctsChargeId"] == "c" * 32
    assert found["charge"]["corrects"] == {
        "period": "2026-02",
        "chargeId": "c" * 32,
        "reason": "",
        "wasThere": True,
        "quantityBefore": "1000000",
        "costBefore": "2.5",
        "quantityAfter": "600000",
        "costAfter": "1.5",
    }


async def test_a_closed_period_is_explained_with_its_frozen_configuration(published_product: PublishedProduct) -> None:
    await published_product.ingest(call(id="a", time=f"{DAY}T10:00:00Z", usage=tokens(1_000, 1)))
    await published_product.publish()
    frozen = published_product.in_memory.catalogues.catalogue
    await published_product.close()
    published_product.in_memory.catalogues.catalogue = catalogue(dated(Meter.INPUT, (START, "99")))
    published_product.in_memory.catalogues.closed = {PERIOD: frozen}

    charge = await published_product.explain_largest()

    assert charge["configuration"] == "frozen when the period was closed"
    assert (charge["price"]["perMillion"], charge["rule"]["id"]) == ("2", "by-team")
    assert charge["disagreements"] == []


@pytest.mark.parametrize(
    ("centre", "charge_id", "message"),
    [
        ("research", "", "nothing was charged to 'research'"),
        (SEARCH, "f" * 32, "has no charge"),
    ],
)
async def test_what_is_not_there_is_named(
    published_product: PublishedProduct, centre: str, charge_id: str, message: str
) -> None:
    await published_product.ingest(call())
    await published_product.publish()

    with pytest.raises(ChargebackError, match=message):
        await published_product.explain(centre, charge_id=charge_id)


async def test_a_charge_of_another_centre_says_who_pays(published_product: PublishedProduct) -> None:
    await published_product.ingest(call(), call(subscriptionId="nobody"))
    await published_product.publish()
    other = (await published_product.explain("unallocated"))["usage"][0]["largest"][0]["chargeId"]

    with pytest.raises(ChargebackError, match=f"is paid by unallocated, not by {SEARCH}"):
        await published_product.explain(charge_id=other)


async def test_the_text_holds_what_the_document_holds(published_product: PublishedProduct) -> None:
    await published_product.ingest(
        *(call(id=f"e{number}", time=f"{DAY}T10:00:00Z", usage=tokens(100, 1)) for number in range(5))
    )
    await published_product.publish()
    line = (await published_product.explain())["usage"][0]["largest"][0]["chargeId"]

    text = text_of(await published_product.explanation(charge_id=line, limit=2))

    assert "500 tokens * 2 USD per 1000000 tokens = 0.001 USD" in text
    assert "5 events of the ledger: 500, as the record says" in text
    assert "… and 3 more" in text
    assert "rule by-team: subscription = search → product/search" in text
    assert "!!" not in text
