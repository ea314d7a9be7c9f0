"""However costs are looked at, every view sums to the same total: nothing is counted twice and nothing is lost."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED, is_within
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import RecordPart, UsageRecord
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost, split
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import START, catalogue, dated, usage_line

DAYS = ("2026-03-30", "2026-03-31", "2026-04-01")
TREE = ("a", "a/b", "a/b/c", "a/bc", "d")
SUBSCRIPTIONS = ("s1", "s2", "s3")
PRICES = [dated(meter, (START, price)) for meter, price in ((Meter.INPUT, "2.50"), (Meter.OUTPUT, "0.000001"))]

limits = st.none() | st.integers(0, 71).map(lambda hours: datetime(2026, 3, 30, tzinfo=UTC) + timedelta(hours=hours))
times = st.tuples(limits, limits).map(lambda pair: Effective(*pair)).filter(lambda time: time.first < time.after)
rules = st.lists(
    st.tuples(st.sampled_from(SUBSCRIPTIONS), st.sampled_from(["", "X"]), st.sampled_from(TREE), times), max_size=8
)
usage = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.builds(
            lambda subscription, code: usage_line(subscription=subscription, billing_code=code),
            st.sampled_from((*SUBSCRIPTIONS, "unknown")),
            st.sampled_from(["", "X"]),
        ),
        st.dictionaries(
            st.integers(0, 23),
            st.dictionaries(st.sampled_from([Meter.INPUT, Meter.OUTPUT]), st.integers(1, 10**12), min_size=1),
            min_size=1,
            max_size=6,
        ),
    ),
    max_size=6,
    unique_by=lambda each: each[:2],
)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])


def allocation(drawn: Sequence[tuple[str, str, str, Effective]]) -> Allocation:
    """The drawn rules, without those that an earlier one leaves no time for."""
    kept: list[Rule] = []
    for number, (subscription, code, centre, time) in enumerate(drawn):
        when = {"subscription": subscription} | ({"billingCode": code} if code else {})
        before = [rule.effective for rule in kept if rule.when.items() <= when.items()]
        if not time.is_covered_by(before):
            kept.append(Rule(f"r{number}", when, centre, time))
    return Allocation(tuple(CostCentre(path, path) for path in TREE), tuple(kept))


def card(allocated: Allocation, zone: str) -> Catalogue:
    plain = catalogue(*PRICES)
    calendar = Calendar((BooksSetting("2026-01", zone, "USD"),))
    return Catalogue("USD", plain.prices, plain.deployments, allocated, calendar)


def rated(found: Sequence[tuple[str, Line, dict[int, Quantities]]], in_force: EffectiveCatalogues) -> list[UsageRecord]:
    return [rate(day, line, hours, in_force) for day, line, hours in found]


def view(records: Sequence[UsageRecord], by: Callable[[UsageRecord, RecordPart], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for record in records:
        for part in record.parts:
            costs = [charge.cost for charge in part.charges if charge.cost is not None]
            sums[by(record, part)] = EXACT.add(sums.get(by(record, part), Decimal(0)), total(costs))
    return sums


VIEWS: tuple[Callable[[UsageRecord, RecordPart], str], ...] = (
    lambda record, part: part.cost_centre,
    lambda record, part: part.rule,
    lambda record, part: part.date,
    lambda record, part: part.date[:7],
    lambda record, part: f"{part.date} {part.cost_centre} {record.line.billing_code}",
    lambda record, part: record.day,
)


@settings(max_examples=60)
@given(usage, rules, zones)
def test_every_view_sums_to_what_the_usage_costs_without_any_rule(
    found: list[tuple[str, Line, dict[int, Quantities]]], drawn: list[tuple[str, str, str, Effective]], zone: str
) -> None:
    records = rated(found, EffectiveCatalogues(card(allocation(drawn), zone)))

    without_rules = rated(found, EffectiveCatalogues(catalogue(*PRICES)))
    whole = total(list(view(without_rules, lambda record, part: "all").values()))
    for by in VIEWS:
        assert total(list(view(records, by).values())) == whole


@settings(max_examples=60)
@given(usage, rules, st.sampled_from(list(Basis)), st.decimals(0, 10**6, places=6))
def test_the_roots_of_the_tree_and_the_unallocated_are_all_there_is_shared_costs_included(
    found: list[tuple[str, Line, dict[int, Quantities]]],
    drawn: list[tuple[str, str, str, Effective]],
    basis: Basis,
    price: Decimal,
) -> None:
    by_centre = view(rated(found, EffectiveCatalogues(card(allocation(drawn), "UTC"))), VIEWS[0])
    fixed = {"a/b": Decimal("33.3"), "d": Decimal("66.7")} if basis is Basis.FIXED else {}
    fee = SharedCost("fee", "Fee", CostKind.FEE, price, Per.MONTH, "USD", basis, shares=fixed)

    billed = dict(by_centre)
    for centre, ratio in split(fee, by_centre).items():
        billed[centre] = EXACT.add(billed.get(centre, Decimal(0)), EXACT.multiply(price, ratio))

    roots = [total([cost for path, cost in billed.items() if is_within(path, root)]) for root in ("a", "d")]
    whole = total([*by_centre.values(), price])
    assert total([*roots, billed.get(UNALLOCATED, Decimal(0))]) == whole


@settings(max_examples=40)
@given(usage, rules)
def test_a_deleted_cost_centre_loses_no_money(
    found: list[tuple[str, Line, dict[int, Quantities]]], drawn: list[tuple[str, str, str, Effective]]
) -> None:
    before = rated(found, EffectiveCatalogues(card(allocation(drawn), "UTC")))
    # The tree without `a` and all below it: its open usage is unallocated, and that is shown.
    left = tuple(rule for rule in allocation(drawn).rules if rule.cost_centre == "d")

    after = rated(found, EffectiveCatalogues(card(Allocation((CostCentre("d", "d"),), left), "UTC")))

    assert total(list(view(after, VIEWS[0]).values())) == total(list(view(before, VIEWS[0]).values()))
    assert view(after, VIEWS[0]).keys() <= {"d", UNALLOCATED}
