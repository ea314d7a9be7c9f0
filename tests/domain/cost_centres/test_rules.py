"""The first allocation rule that matches a call decides who pays for it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.cost_centres.rules import CLAIMED, VERIFIED, Allocation, CostCentre, Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.effective import Effective
from tests.support.catalogues import START, usage_line

TREE = (
    CostCentre("product", "Product"),
    CostCentre("product/search", "Search"),
    CostCentre("product/searching", "Another team"),
    CostCentre("research", "Research"),
)
MOVE = datetime(2026, 3, 15, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
moments = st.integers(-(10**12), 10**12).map(lambda offset: MOVE + offset * MICROSECOND)


def faults_of(*rules: Rule, tree: tuple[CostCentre, ...] = TREE) -> str:
    with pytest.raises(InvalidConfig) as caught:
        Allocation(tree, rules)
    return str(caught.value)


def test_the_first_rule_that_matches_pays() -> None:
    voice = Rule("voice", {"subscription": "search", "billingCode": "VOICE"}, "research")
    rest = Rule("rest", {"subscription": "search"}, "product/search")
    allocation = Allocation(TREE, (voice, rest))

    assert allocation.cost_centre(usage_line(billing_code="VOICE"), START) == ("research", "voice")
    assert allocation.cost_centre(usage_line(billing_code="voice"), START) == ("product/search", "rest")


def test_what_no_rule_claims_is_unallocated() -> None:
    allocation = Allocation(TREE, (Rule("r", {"subscription": "search"}, "product/search"),))

    assert allocation.cost_centre(usage_line(subscription="other"), START) == (UNALLOCATED, "")


@given(st.text(), st.text(), st.text(), moments)
def test_a_spoofed_claim_never_moves_money_at_any_time(
    billing_code: str, company: str, user: str, moment: datetime
) -> None:
    rules = (
        Rule("voice", {"subscription": "support", "billingCode": "VOICE"}, "research", Effective(end=MOVE)),
        Rule("voice-2", {"subscription": "support", "billingCode": "VOICE"}, "product", Effective(start=MOVE)),
        Rule("mine", {"product": "premium", "company": "Contoso", "user": "ann"}, "research"),
        Rule("search", {"subscription": "search"}, "product/search"),
    )
    allocation = Allocation(TREE, rules)

    claims = {"billing_code": billing_code, "company": company, "user": user}
    spoofed = {"billing_code": "VOICE", "company": "Contoso", "user": "ann"}

    assert allocation.cost_centre(usage_line(**claims), moment) == ("product/search", "search")
    assert allocation.cost_centre(usage_line(**spoofed), moment) == ("product/search", "search")


@pytest.mark.parametrize("claimed", sorted(CLAIMED))
@pytest.mark.parametrize("verified", [None, *sorted(VERIFIED)])
def test_a_claim_needs_the_subscription_or_product_that_may_make_it(claimed: str, verified: str | None) -> None:
    when = {claimed: "x"} | ({verified: "y"} if verified else {})
    rule = Rule("r", when, "research")

    if verified in ("subscription", "product"):
        assert Allocation(TREE, (rule,)).rules == (rule,)
    else:
        assert f"rules[0].when: {claimed} is only claimed by the client" in faults_of(rule)


def test_every_fault_is_named_with_its_place() -> None:
    tree = (
        CostCentre("a/b", ""),
        CostCentre("c", ""),
        CostCentre("c", ""),
        CostCentre("c//d", ""),
        CostCentre("unallocated/x", ""),
    )

    text = faults_of(
        Rule("one", {"subscription": "s"}, "nowhere"),
        Rule("one", {"colour": "red", "product": ""}, "c"),
        Rule("two", {}, "c"),
        Rule("three", {"subscription": "s", "user": "u"}, "c"),
        tree=tree,
    )

    assert "costCentres[0].path: its parent 'a' does not come before it" in text
    assert "costCentres[2].path: 'c' is there twice" in text
    assert "costCentres[3].path: 'c//d' has an empty or padded component" in text
    assert "costCentres[4].path: 'unallocated' stands for usage that no rule matches" in text
    assert "rules[0].costCentre: 'nowhere' is not under costCentres" in text
    assert "rules[1].id: 'one' is empty or taken" in text
    assert "rules[1].when.colour: no such field" in text
    assert "rules[1].when.product: an empty value" in text
    assert "rules[2].when: names no field" in text
    assert "rules[3]: never reached, because rule 'one' matches first" in text


def test_a_team_moves_at_the_hour_that_its_rules_name() -> None:
    allocation = Allocation(
        TREE,
        (
            Rule("search-until", {"subscription": "search"}, "product/search", Effective(end=MOVE)),
            Rule("search-since", {"subscription": "search"}, "research", Effective(start=MOVE)),
        ),
    )

    payers = [allocation.cost_centre(usage_line(), MOVE + offset * MICROSECOND) for offset in (-1, 0, 1)]

    assert payers == [("product/search", "search-until"), ("research", "search-since"), ("research", "search-since")]


def test_what_a_rule_claimed_is_unallocated_when_its_time_is_over() -> None:
    allocation = Allocation(TREE, (Rule("r", {"subscription": "search"}, "research", Effective(end=MOVE)),))

    assert allocation.cost_centre(usage_line(), MOVE - MICROSECOND) == ("research", "r")
    assert allocation.cost_centre(usage_line(), MOVE) == (UNALLOCATED, "")


def test_rules_that_stay_in_force_together_are_the_same_for_every_hour() -> None:
    allocation = Allocation(TREE, (Rule("r", {"subscription": "search"}, "research", Effective(start=MOVE)),))

    assert allocation.at(MOVE) is allocation.at(MOVE + timedelta(days=400))
    assert allocation.at(MOVE) is not allocation.at(MOVE - MICROSECOND)


def test_a_rule_does_not_outlive_the_cost_centre_that_it_points_to() -> None:
    tree = (*TREE, CostCentre("legacy", "Given up", Effective(end=MOVE)))

    text = faults_of(Rule("r", {"subscription": "old"}, "legacy"), tree=tree)

    assert "rules[0].costCentre: 'legacy' is effective from ever until 2026-03-15T00:00:00Z" in text
    assert Allocation(tree, (Rule("r", {"subscription": "old"}, "legacy", Effective(end=MOVE)),)).centres == tree


def test_a_cost_centre_does_not_outlive_its_parent() -> None:
    tree = (CostCentre("a", "A", Effective(end=MOVE)), CostCentre("a/b", "B"))

    assert "costCentres[1]: is effective from ever until further notice, but its parent 'a'" in faults_of(tree=tree)


def test_a_rule_is_reached_where_those_before_it_leave_time_for_it() -> None:
    when = {"subscription": "s"}
    later = MOVE + timedelta(days=1)
    first, second = (Rule("1", when, "research", Effective(end=MOVE)), Rule("2", when, "product", Effective(later)))

    gap = Allocation(TREE, (first, second, Rule("3", when, "product/search")))
    text = faults_of(first, second, Rule("4", when, "research", Effective(later)), Rule("3", when, "product"))

    assert gap.cost_centre(usage_line(subscription="s"), MOVE) == ("product/search", "3")
    assert "rules[2]: never reached, because rule '2' matches first" in text
    assert "rules[3]" not in text


def test_times_that_cannot_be_are_named() -> None:
    text = faults_of(
        Rule("1", {"subscription": "s"}, "research", Effective(MOVE, MOVE)),
        Rule("2", {"subscription": "t"}, "research", Effective(MOVE + timedelta(minutes=30))),
    )

    assert "rules[0].effectiveTo: is not after effectiveFrom" in text
    assert "rules[1].effectiveFrom: 2026-03-15T00:30:00+00:00 is not a whole hour in UTC" in text


hours_from_move = st.integers(-48, 48).map(lambda hours: MOVE + timedelta(hours=hours))
times = st.tuples(st.none() | hours_from_move, st.none() | hours_from_move).map(lambda pair: Effective(*pair))


@given(times, st.lists(times, max_size=5))
def test_a_time_is_covered_if_another_one_holds_in_each_of_its_hours(time: Effective, others: list[Effective]) -> None:
    # Whether something is limited at all is seen well outside of the drawn hours.
    hours = [MOVE + timedelta(hours=hour) for hour in range(-60, 60) if time.holds(MOVE + timedelta(hours=hour))]

    covered = all(any(other.holds(hour) for other in others) for hour in hours)

    if hours:
        assert time.is_covered_by(others) == covered


def ended(path: str, after_days: int, successor: str) -> CostCentre:
    return CostCentre(path, path, Effective(end=MOVE + timedelta(days=after_days)), successor)


def test_who_follows_a_cost_centre_pays_from_its_end_on_also_through_several() -> None:
    tree = (ended("first", 0, "second"), ended("second", 30, "third"), CostCentre("third", "Third"))
    allocation = Allocation(tree, ())

    assert allocation.successors(MOVE - timedelta(hours=1)) == {}
    assert allocation.successors(MOVE) == {"first": "second"}
    assert allocation.successors(MOVE + timedelta(days=30)) == {"first": "third", "second": "third"}


@pytest.mark.parametrize(
    ("tree", "fault"),
    [
        ((ended("a", 0, "b"),), "costCentres[0].successor: 'b' is not under costCentres"),
        (
            (CostCentre("a", "A", successor="b"), CostCentre("b", "B")),
            "costCentres[0].successor: 'a' has no effectiveTo, so nobody follows it",
        ),
        ((ended("a", 1, "b"), ended("b", 1, "a")), "costCentres[0].successor: 'b' does not last longer than 'a'"),
    ],
)
def test_a_successor_that_cannot_follow_is_refused(tree: tuple[CostCentre, ...], fault: str) -> None:
    assert fault in faults_of(tree=tree)
