"""Golden cases of reconciliation: every figure is worked out in the test, and the parts sum to the variance."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.invoice.reconciliation import (
    CAPACITY,
    OTHER_METERS,
    Booked,
    Cause,
    Invoiced,
    Reconciliation,
    ReconciliationRules,
    Sku,
    Variance,
)
from chargeback.domain.invoice.variances import reconcile
from chargeback.domain.money.exact import total

DAY = "2026-03-14"
INPUT = Sku("gpt-4o", "GlobalStandard", "default", "", "input_tokens")
OUTPUT = INPUT._replace(meter="output_tokens")
RUN = ExportRun("march", "2026-03-01", "2026-03-31", datetime(2026, 4, 5, tzinfo=UTC), ())
RULES = ReconciliationRules()


def booked(quantity: str, cost: str, **fields: Any) -> Booked:
    given: dict[str, Any] = {"day": DAY, "resource": "oai-eastus2-x1", "sku": INPUT, "prices": ("card",)}
    return Booked(quantity=Decimal(quantity), cost=Decimal(cost), **(given | fields))


def invoiced(quantity: str | None, cost: str, **fields: Any) -> Invoiced:
    given: dict[str, Any] = {"day": DAY, "resource": "oai-eastus2-x1", "sku": INPUT}
    given |= {"meter_id": "m-1", "meter_name": "gpt 4o Inp glbl Tokens"}
    return Invoiced(quantity=None if quantity is None else Decimal(quantity), cost=Decimal(cost), **(given | fields))


def compared(ours: list[Booked], theirs: list[Invoiced], run: ExportRun = RUN) -> Reconciliation:
    return reconcile(
        ours, theirs, period="2026-03", run=run, rules=RULES, accounts={"oai-eastus2", "oai-swedencentral"}
    )


def causes(found: Reconciliation) -> dict[str, str]:
    return {cause.value: str(amount.normalize()) for cause, (amount, _) in found.by_cause().items()}


def the_only(found: Reconciliation) -> Variance:
    (variance,) = found.variances
    return variance


def test_what_agrees_has_no_variance() -> None:
    found = compared([booked("2000000", "5")], [invoiced("2000000", "5")])

    assert the_only(found).cost == 0
    assert found.by_cause() == {}


def test_another_exchange_rate_is_no_price_difference() -> None:
    # 1 000 USD: 900 EUR at 0.90 in the books, 850 EUR at 0.85 on the invoice, -50. With 10 USD more 858.50: +8.50.
    ours = [booked("400000000", "900", rate=Decimal("0.90"))]

    same = compared(ours, [invoiced("400000000", "850", rate=Decimal("0.85"))])
    dearer = compared(ours, [invoiced("400000000", "858.5", rate=Decimal("0.85"))])
    silent = compared(ours, [invoiced("400000000", "850")])

    assert causes(same) == {"exchange-rate": "-5E+1"}
    assert the_only(same).parts[0].evidence == "converted at 0.85 on the invoice, at 0.9 in the books"
    assert causes(dearer) == {"price-difference": "8.5", "exchange-rate": "-5E+1"}
    assert causes(silent) == {"price-difference": "-5E+1"}


def test_capacity_of_a_month_that_is_under_way_is_not_billed_yet() -> None:
    # On 16 March the invoice has 18 000 of the 37 200 that March will cost.
    ours = [Booked("", "", CAPACITY, cost=Decimal(37_200))]
    run = replace(RUN, last="2026-03-15", submitted=datetime(2026, 3, 16, 6, tzinfo=UTC))

    found = compared(ours, [invoiced(None, "18000", sku=None, is_capacity=True)], run)
    final = compared(ours, [invoiced(None, "18000", sku=None, is_capacity=True)])

    assert causes(found) == {"not-billed-yet": "-1.92E+4"}
    assert found.overdue == 0
    assert causes(final) == {"unexplained": "-1.92E+4"}


def test_capacity_was_converted_too() -> None:
    ours = [Booked("", "", CAPACITY, cost=Decimal(900), rate=Decimal("0.90"))]

    found = compared(ours, [invoiced(None, "860", sku=None, is_capacity=True, rate=Decimal("0.85"))])

    assert causes(found) == {"exchange-rate": "-5E+1", "unexplained": "1E+1"}


def test_the_same_quantity_at_another_price_is_a_price_difference_and_names_both_prices() -> None:
    # 2 000 000 tokens: 2.50 per million in the books, 2.25 on the invoice: 4.50 - 5.00 = -0.50.
    found = compared([booked("2000000", "5", prices=("gpt-4o@2026",))], [invoiced("2000000", "4.5")])

    (part,) = the_only(found).parts
    assert (part.cause, part.amount) == (Cause.PRICE, Decimal("-0.5"))
    assert "at 2.25 per million on the invoice, at 2.5 in the books (gpt-4o@2026)" in part.evidence


def test_more_on_the_invoice_with_nothing_open_went_past_the_gateway() -> None:
    # 400 000 tokens more at the invoice's 2.50 per million: 1.00.
    found = compared([booked("1000000", "2.5")], [invoiced("1400000", "3.5")])

    assert causes(found) == {"bypassed-gateway": "1"}
    assert "400000 input_tokens more" in the_only(found).parts[0].evidence


def test_more_on_the_invoice_with_open_streams_waits_for_their_tokens() -> None:
    waiting = booked("0", "0", sku=INPUT._replace(meter="requests"), unsettled=4)

    found = compared([booked("1000000", "2.5"), waiting], [invoiced("1400000", "3.5")])

    assert causes(found) == {"unsettled": "1"}
    assert "wait for their tokens: 4; 100000 tokens each would explain it" in the_only(found).parts[0].evidence


def test_open_streams_of_another_day_or_account_explain_nothing() -> None:
    waiting = [
        booked("0", "0", unsettled=4, day="2026-03-15"),
        booked("0", "0", unsettled=4, resource="oai-swedencentral-x1"),
    ]

    found = compared([booked("1000000", "2.5"), *waiting], [invoiced("1400000", "3.5")])

    assert causes(found) == {"bypassed-gateway": "1"}


def test_an_account_that_the_map_does_not_have_is_an_unmapped_deployment() -> None:
    found = compared([], [invoiced("1000000", "2.5", resource="oai-forgotten")])

    assert causes(found) == {"unmapped-deployment": "2.5"}
    assert found.unknown_resources == {"oai-forgotten": Decimal("2.5")}


def test_a_known_account_without_a_call_of_ours_was_used_past_the_gateway() -> None:
    found = compared([], [invoiced("1000000", "2.5")])

    assert causes(found) == {"bypassed-gateway": "2.5"}
    assert found.unknown_resources == {}


def test_usage_of_an_unmapped_deployment_is_worth_what_the_invoice_asks_for_it() -> None:
    # Ours: 1 000 000 tokens without a price, because nobody knows the deployment. The invoice: 2.50.
    ours = booked(
        "1000000", "0", unpriced=Decimal(1_000_000), unmapped=Decimal(1_000_000), sku=INPUT._replace(deployment_type="")
    )

    found = compared([ours], [invoiced("1000000", "2.5")])

    assert causes(found) == {"unmapped-deployment": "2.5"}
    assert "their deployment is not in the deployment map" in the_only(found).parts[0].evidence


def test_an_unmapped_deployment_that_could_be_two_skus_joins_neither() -> None:
    ours = booked("1000000", "0", unpriced=Decimal(1_000_000), sku=INPUT._replace(deployment_type=""))
    zone = INPUT._replace(deployment_type="DataZoneStandard")

    found = compared([ours], [invoiced("1000000", "2.5"), invoiced("1000000", "2.75", sku=zone)])

    assert causes(found) == {"bypassed-gateway": "5.25"}
    assert len(found.variances) == 3


def test_mapped_usage_without_a_price_is_unpriced() -> None:
    # 3 000 000 tokens, one million of them without a price: 1 000 000 at the invoice's 2.50.
    ours = [booked("2000000", "5"), booked("1000000", "0", unpriced=Decimal(1_000_000))]

    found = compared(ours, [invoiced("3000000", "7.5")])

    assert causes(found) == {"unpriced": "2.5"}


def test_less_on_an_invoice_that_ran_too_early_is_not_billed_yet() -> None:
    early = ExportRun("march", "2026-03-01", "2026-03-15", datetime(2026, 3, 16, 6, tzinfo=UTC), ())

    found = compared([booked("1000000", "2.5")], [], early)

    assert causes(found) == {"not-billed-yet": "-2.5"}
    assert found.overdue == 0


@pytest.mark.parametrize(
    ("ran", "cause"),
    [
        (datetime(2026, 3, 17, 23, 59, 59, tzinfo=UTC), "not-billed-yet"),
        (datetime(2026, 3, 18, 0, 0, 0, tzinfo=UTC), "not-on-invoice"),
    ],
)
def test_a_day_is_final_three_days_after_its_end(ran: datetime, cause: str) -> None:
    found = compared([booked("1000000", "2.5")], [], ExportRun("march", "2026-03-01", "2026-03-31", ran, ()))

    assert causes(found) == {cause: "-2.5"}


def test_a_day_outside_the_export_is_not_billed_yet_however_late_it_ran() -> None:
    half = ExportRun("half", "2026-03-01", "2026-03-10", datetime(2026, 6, 1, tzinfo=UTC), ())

    assert causes(compared([booked("1000000", "2.5")], [], half)) == {"not-billed-yet": "-2.5"}


def test_usage_on_the_other_side_of_midnight_is_a_time_shift_and_nets_to_zero() -> None:
    # 1 200 000 + 800 000 in the books, 1 000 000 + 1 000 000 on the invoice: 200 000 moved, 0.50 each way.
    ours = [booked("1200000", "3"), booked("800000", "2", day="2026-03-15")]
    theirs = [invoiced("1000000", "2.5"), invoiced("1000000", "2.5", day="2026-03-15")]

    found = compared(ours, theirs)

    assert [each.cost for each in found.variances] == [Decimal("-0.5"), Decimal("0.5")]
    assert {part.cause for each in found.variances for part in each.parts} == {Cause.SHIFTED}
    assert found.by_cause()[Cause.SHIFTED] == (0, 2)


def test_only_the_part_that_both_days_share_is_a_time_shift() -> None:
    # 200 000 short, the next day 500 000 over: 200 000 shifted, 300 000 past the gateway (0.75).
    ours = [booked("1200000", "3"), booked("500000", "1.25", day="2026-03-15")]
    theirs = [invoiced("1000000", "2.5"), invoiced("1000000", "2.5", day="2026-03-15")]

    assert compared(ours, theirs).by_cause()[Cause.BYPASSED][0] == Decimal("0.75")
    assert compared(ours, theirs).by_cause()[Cause.SHIFTED][0] == 0


def test_days_that_do_not_touch_shift_nothing() -> None:
    ours = [booked("1200000", "3"), booked("800000", "2", day="2026-03-16")]
    theirs = [invoiced("1000000", "2.5"), invoiced("1000000", "2.5", day="2026-03-16")]

    assert causes(compared(ours, theirs)) == {"bypassed-gateway": "0.5", "not-on-invoice": "-0.5"}


def test_estimates_explain_a_difference_up_to_their_own_size() -> None:
    # 100 000 of ours are estimates; the invoice has 250 000 more: 0.25 by estimates, 0.375 past the gateway.
    found = compared([booked("1000000", "2.5", estimated=Decimal(100_000))], [invoiced("1250000", "3.125")])

    assert causes(found) == {"estimated": "0.25", "bypassed-gateway": "0.375"}


def test_a_meter_without_an_entry_is_compared_by_resource_and_listed() -> None:
    # The table knows the input meter only; output and an unknown meter meet by resource: 4 - 3 = 1.
    ours = [booked("1000000", "2.5"), booked("300000", "3", sku=OUTPUT)]
    theirs = [invoiced("1000000", "2.5"), invoiced("1", "4", sku=None, meter_id="m-9", meter_name="new Outp")]

    found = compared(ours, theirs)

    other = next(each for each in found.variances if each.sku == OTHER_METERS)
    assert (other.booked_cost, other.invoiced_cost, other.booked_quantity) == (3, 4, None)
    assert causes(found) == {"unexplained": "1"}
    assert found.unmapped_meters == {"new Outp (m-9)": Decimal(4)}


def test_capacity_is_compared_for_the_whole_period() -> None:
    ours = booked("1", "1000", sku=CAPACITY, day="", resource="")
    theirs = [
        invoiced(None, "600", sku=None, is_capacity=True),
        invoiced(None, "420", sku=None, is_capacity=True, resource=""),
    ]

    found = compared([ours], theirs)

    assert (the_only(found).day, the_only(found).cost) == ("", Decimal(20))
    assert found.unmapped_meters == {}


def test_a_charge_whose_quantity_nobody_tells_is_compared_by_cost() -> None:
    found = compared([booked("1000000", "2.5")], [invoiced(None, "3")])

    assert causes(found) == {"unexplained": "0.5"}
    assert the_only(found).invoiced_quantity is None


def test_price_and_quantity_explain_one_variance_together() -> None:
    # Books: 1 000 000 at 2.50 = 2.50. Invoice: 1 400 000 at 2.25 = 3.15; variance 0.65.
    # 400 000 more at 2.25 = 0.90; the common 1 000 000 at -0.25 = -0.25.
    found = compared([booked("1000000", "2.5")], [invoiced("1400000", "3.15")])

    assert causes(found) == {"price-difference": "-0.25", "bypassed-gateway": "0.9"}
    assert found.variance == Decimal("0.65")


def test_a_tolerance_is_exceeded_above_the_amount_and_above_the_percentage() -> None:
    rules = ReconciliationRules(percent=Decimal(1), absolute=Decimal(10))

    assert not rules.exceeded_by(Decimal("10"), Decimal(100))
    assert rules.exceeded_by(Decimal("10.01"), Decimal(100))
    assert rules.exceeded_by(Decimal("-10.01"), Decimal(100))
    assert not rules.exceeded_by(Decimal("10.01"), Decimal(1001))


DAYS = [(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number)).date().isoformat() for number in range(4)]
QUANTITIES = st.integers(0, 10**12).map(Decimal)
COSTS = st.integers(-(10**15), 10**15).map(lambda number: Decimal(number).scaleb(-9))
BOOKED = st.builds(
    lambda day, resource, sku, quantity, cost, share, unsettled: Booked(
        day,
        resource,
        sku,
        quantity,
        abs(cost),
        unpriced=quantity * share // 4,
        estimated=quantity // 8,
        unsettled=unsettled,
    ),
    st.sampled_from(DAYS),
    st.sampled_from(["oai-eastus2-x1", "oai-forgotten"]),
    st.sampled_from([INPUT, OUTPUT, INPUT._replace(deployment_type=""), CAPACITY]),
    QUANTITIES,
    COSTS,
    st.integers(0, 4),
    st.integers(0, 2),
)
INVOICED = st.builds(
    lambda day, resource, sku, quantity, cost: Invoiced(
        day, resource, "m", "meter", None if sku == CAPACITY else sku, quantity, cost, is_capacity=sku == CAPACITY
    ),
    st.sampled_from(DAYS),
    st.sampled_from(["oai-eastus2-x1", "oai-forgotten", "oai-swedencentral"]),
    st.sampled_from([INPUT, OUTPUT, None, CAPACITY]),
    st.none() | QUANTITIES,
    COSTS,
)


@settings(max_examples=150)
@given(st.lists(BOOKED, max_size=12), st.lists(INVOICED, max_size=12))
def test_the_parts_of_every_variance_sum_to_it_and_nothing_is_left_out(
    ours: list[Booked], theirs: list[Invoiced]
) -> None:
    found = compared(ours, theirs)

    for variance in found.variances:
        assert total([part.amount for part in variance.parts]) == variance.cost
    assert found.invoiced == total([each.cost for each in theirs])
    assert found.booked == total([each.cost for each in ours])
    assert total([amount for amount, _ in found.by_cause().values()]) == found.variance
