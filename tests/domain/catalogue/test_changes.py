"""Two catalogues differ in what their changes name, for the hours that the changes cover."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.catalogue.adjustments import Adjustment, adjusted
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import CatalogueChanges, changes
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, catalogue, dated, usage_line

CUT = datetime(2026, 3, 10, 13, tzinfo=UTC)
WHOLE = dated(Meter.INPUT, (START, "2.50"))
SPLIT = dated(Meter.INPUT, (START, "2.50"), (CUT, "2.00"))
KEY = "azure-openai/gpt-4o/GlobalStandard/default/input_tokens"

hours = st.integers(0, 47).map(lambda hour: CUT.replace(hour=0) + timedelta(hours=hour))
cards = st.lists(st.tuples(hours, st.sampled_from("123")), max_size=4, unique_by=lambda step: step[0])


def said(changed: CatalogueChanges) -> list[str]:
    return [str(each) for each in (*changed.prices, *changed.others)]


def test_equal_catalogues_differ_in_nothing() -> None:
    assert said(changes(catalogue(SPLIT), catalogue(SPLIT))) == []


def test_a_price_that_falls_is_a_change_from_its_hour_on() -> None:
    changed = changes(catalogue(WHOLE), catalogue(SPLIT))

    assert said(changed) == [f"{KEY}: 2.5 → 2, from 2026-03-10T13Z on"]
    assert [changed.touch(day) for day in ("2026-03-09", "2026-03-10", "2027-01-01")] == [False, True, True]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (catalogue(), catalogue(WHOLE), f"{KEY}: none → 2.5, from 2024-01-01T00Z on"),
        (catalogue(WHOLE), catalogue(), f"{KEY}: 2.5 → none, from 2024-01-01T00Z on"),
        (
            catalogue(WHOLE),
            catalogue(dated(Meter.INPUT, (START, "2.50"), end=CUT)),
            f"{KEY}: 2.5 → none, from 2026-03-10T13Z on",
        ),
        (
            catalogue(SPLIT),
            catalogue(dated(Meter.INPUT, (START, "3"), (CUT, "2.00"))),
            f"{KEY}: 2.5 → 3, from 2024-01-01T00Z until 2026-03-10T13Z",
        ),
        (
            catalogue(WHOLE),
            catalogue(dated(Meter.INPUT, (START, "2.50"), (CUT, "2.50"))),
            f"{KEY}: 2.5 by another entry, from 2026-03-10T13Z on",
        ),
        (
            catalogue(WHOLE),
            catalogue(adjusted(WHOLE, [Adjustment("a", "s", Effective(CUT), discount=Decimal(10))]).prices),
            f"{KEY}: 2.5 → 2.25 (list 2.5, contracted 2.25), from 2026-03-10T13Z on",
        ),
    ],
)
def test_a_change_says_what_it_was_and_is_and_when(old: Catalogue, new: Catalogue, text: str) -> None:
    assert said(changes(old, new)) == [text]


def test_a_rule_touches_the_time_in_which_it_held_or_holds() -> None:
    old = catalogue(WHOLE, rules=(Rule("a", {"subscription": "x"}, "research"),))
    until = catalogue(WHOLE, rules=(Rule("a", {"subscription": "x"}, "research", Effective(end=CUT)),))
    after = catalogue(WHOLE, rules=(*until.allocation.rules, Rule("b", {"app": "y"}, "product", Effective(CUT))))

    assert said(changes(old, until)) == ["rule a changed"]
    assert said(changes(until, after)) == ["rule b added"]
    assert not changes(until, after).touch("2026-03-09")
    assert changes(until, after).touch("2026-03-11")
    assert changes(old, until).touch("2020-01-01")


def test_the_order_of_rules_is_a_change() -> None:
    rules = (Rule("a", {"subscription": "x"}, "research"), Rule("b", {"app": "y"}, "product"))

    assert said(changes(catalogue(rules=rules), catalogue(rules=rules[::-1]))) == [
        "rules (the first that matches wins) reordered"
    ]


def test_deployments_and_books_touch_every_day() -> None:
    moved = changes(catalogue(WHOLE), catalogue(WHOLE, region="westus3"))
    zone = changes(catalogue(WHOLE), catalogue(WHOLE, calendar=Calendar((BooksSetting("2026-01", "UTC", "EUR"),))))

    assert said(moved) == ["deployment oai-eastus2/gpt-4o changed"]
    assert said(zone) == ["setting books changed"]
    assert moved.touch("2020-01-01")
    assert zone.touch("2020-01-01")


@given(old=cards, new=cards)
def test_a_change_covers_exactly_the_hours_whose_price_differs(
    old: list[tuple[datetime, str]], new: list[tuple[datetime, str]]
) -> None:
    before, after = (catalogue(*([dated(Meter.INPUT, *sorted(card))] if card else [])) for card in (old, new))

    changed = changes(before, after)

    for number in range(-1, 49):
        hour = CUT.replace(hour=0) + timedelta(hours=number)
        prices = [each.find_price(usage_line(), Meter.INPUT, hour) for each in (before, after)]
        ids = [price and (price.price_id, price.per_million) for price in prices]
        assert any(each.time.holds(hour) for each in changed.prices) == (ids[0] != ids[1])


def test_another_way_to_know_a_price_is_told_once_a_model_and_rates_nothing_again() -> None:
    listed = dated(Meter.INPUT, (START, "1")) | dated(Meter.OUTPUT, (START, "2"))
    invoiced = {
        key: tuple(replace(price, verified=Verified.INVOICE) for price in found) for key, found in listed.items()
    }

    found = changes(catalogue(listed), catalogue(invoiced))

    assert [str(each) for each in found.every] == ["verification of the prices of gpt-4o changed"]
    assert not found.touch(UtcDay("2026-03-01"))
