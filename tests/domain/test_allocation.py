import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.allocation import CLAIMED, UNALLOCATED, VERIFIED, Allocation, CostCentre, Rule
from chargeback.domain.errors import InvalidConfig
from tests.domain.catalogues import usage_line

TREE = (
    CostCentre("product", "Product"),
    CostCentre("product/search", "Search"),
    CostCentre("product/searching", "Another team"),
    CostCentre("research", "Research"),
)


def faults_of(*rules: Rule, tree: tuple[CostCentre, ...] = TREE) -> str:
    with pytest.raises(InvalidConfig) as caught:
        Allocation(tree, rules)
    return str(caught.value)


def test_the_first_rule_that_matches_pays() -> None:
    voice = Rule("voice", {"subscription": "search", "billingCode": "VOICE"}, "research")
    rest = Rule("rest", {"subscription": "search"}, "product/search")
    allocation = Allocation(TREE, (voice, rest))

    assert allocation.cost_centre(usage_line(billing_code="VOICE")) == ("research", "voice")
    assert allocation.cost_centre(usage_line(billing_code="voice")) == ("product/search", "rest")


def test_what_no_rule_claims_is_unallocated() -> None:
    allocation = Allocation(TREE, (Rule("r", {"subscription": "search"}, "product/search"),))

    assert allocation.cost_centre(usage_line(subscription="other")) == (UNALLOCATED, "")


@given(st.text(), st.text(), st.text())
def test_a_spoofed_claim_never_moves_money(billing_code: str, company: str, user: str) -> None:
    rules = (
        Rule("voice", {"subscription": "support", "billingCode": "VOICE"}, "research"),
        Rule("mine", {"product": "premium", "company": "Contoso", "user": "ann"}, "research"),
        Rule("search", {"subscription": "search"}, "product/search"),
    )
    allocation = Allocation(TREE, rules)

    claims = {"billing_code": billing_code, "company": company, "user": user}
    spoofed = {"billing_code": "VOICE", "company": "Contoso", "user": "ann"}

    assert allocation.cost_centre(usage_line(**claims)) == ("product/search", "search")
    assert allocation.cost_centre(usage_line(**spoofed)) == ("product/search", "search")


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
    assert "costCentres[4].path: 'unallocated' is what no rule claims" in text
    assert "rules[0].costCentre: 'nowhere' is not under costCentres" in text
    assert "rules[1].id: 'one' is empty or taken" in text
    assert "rules[1].when.colour: no such field" in text
    assert "rules[1].when.product: an empty value" in text
    assert "rules[2].when: names no field" in text
    assert "rules[3]: never reached, because rule 'one' matches first" in text
