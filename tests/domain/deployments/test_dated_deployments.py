"""A deployment that becomes another one keeps the price of what it was, hour by hour."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import changes, rewritten
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import DatedDeployment, Deployment, DeploymentType
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.effective import ALWAYS, Effective
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import START, dated, usage_line

PAY_AS_YOU_GO = Deployment("oai-eastus2", "eastus2", "gpt-4o", "gpt-4o", "2024-11-20", DeploymentType.GLOBAL_STANDARD)
RECREATED = Deployment(
    "oai-eastus2", "eastus2", "gpt-4o", "gpt-4o", "2024-11-20", DeploymentType.GLOBAL_PROVISIONED_MANAGED
)
MARCH_20 = datetime(2026, 3, 20, tzinfo=UTC)


def catalogue(now: Deployment | None, *past: tuple[Deployment, Effective]) -> Catalogue:
    deployed = {"oai-eastus2": {now.name: now}} if now else {}
    entries = [DatedDeployment(*each) for each in past]
    return Catalogue("USD", dated(Meter.INPUT, (START, "2.50")), deployed, Allocation((), ()), dated=entries)


def rated(of: Catalogue, day: str, hours: dict[int, Quantities]) -> UsageRecord:
    return rate(day, usage_line(), hours, EffectiveCatalogues(of))


BEFORE = catalogue(PAY_AS_YOU_GO)
AFTER = catalogue(RECREATED, (PAY_AS_YOU_GO, Effective(end=MARCH_20)))


@pytest.mark.parametrize(("day", "cost"), [("2026-03-01", 2500), ("2026-03-19", 2500), ("2026-03-20", 0)])
def test_a_deployment_recreated_as_provisioned_keeps_the_earlier_price(day: str, cost: int) -> None:
    found = rated(AFTER, day, {9: {Meter.INPUT: 10**9}})

    assert (found.cost, found.is_unpriced) == (Decimal(cost), False)


def test_an_hour_decides_within_a_day_and_the_record_says_what_served_its_first() -> None:
    noon = datetime(2026, 3, 20, 12, tzinfo=UTC)
    of = catalogue(RECREATED, (PAY_AS_YOU_GO, Effective(end=noon)))

    found = rated(of, "2026-03-20", {11: {Meter.INPUT: 10**6}, 12: {Meter.INPUT: 10**6}})
    later = rated(of, "2026-03-20", {12: {Meter.INPUT: 10**6}})

    assert [(charge.quantity, charge.cost) for charge in found.charges] == [(10**6, Decimal("2.50")), (10**6, 0)]
    assert (found.deployment_type, later.deployment_type) == (PAY_AS_YOU_GO.type, RECREATED.type)


def test_what_will_be_is_rated_from_then_on() -> None:
    of = catalogue(PAY_AS_YOU_GO, (RECREATED, Effective(start=MARCH_20)))

    assert rated(of, "2026-03-19", {9: {Meter.INPUT: 10**6}}).cost == Decimal("2.50")
    assert rated(of, "2026-03-20", {9: {Meter.INPUT: 10**6}}).cost == 0


def test_a_deployment_that_is_gone_is_unpriced_only_after_its_end() -> None:
    of = catalogue(None, (PAY_AS_YOU_GO, Effective(end=MARCH_20)))

    assert rated(of, "2026-03-19", {9: {Meter.INPUT: 10**6}}).cost == Decimal("2.50")
    assert rated(of, "2026-03-20", {9: {Meter.INPUT: 10**6}}).is_unpriced
    assert of.account("oai-eastus2-x1.openai.azure.com") == "oai-eastus2"


def test_only_the_days_are_touched_in_which_it_is_another_one() -> None:
    found = changes(BEFORE, AFTER)

    assert [found.touch(day) for day in ("2026-03-19", "2026-03-20")] == [False, True]
    assert rewritten(BEFORE, AFTER, datetime(2026, 3, 20, 9, tzinfo=UTC)) == []


OTHER = replace(PAY_AS_YOU_GO, name="gpt-4.1")


@pytest.mark.parametrize("after", [catalogue(RECREATED), catalogue(OTHER)])
def test_a_past_that_is_rewritten_in_silence_is_named(after: Catalogue) -> None:
    assert rewritten(BEFORE, after, MARCH_20) == ["oai-eastus2/gpt-4o"]


def test_an_account_that_is_gone_as_a_whole_is_not_asked_for() -> None:
    assert rewritten(BEFORE, catalogue(None), MARCH_20) == []


def test_a_mistake_is_corrected_by_saying_what_it_was() -> None:
    """It never was pay-as-you-go: the entry says so, and the past is rated again."""
    corrected = catalogue(RECREATED, (RECREATED, Effective(end=MARCH_20)))

    assert rewritten(BEFORE, corrected, MARCH_20) == []
    assert changes(BEFORE, corrected).touch("2026-03-01")


def test_the_digest_of_what_has_no_dates_is_that_from_before_dates_existed() -> None:
    former = catalogue(None, (PAY_AS_YOU_GO, ALWAYS))

    assert former.digest == BEFORE.digest
    assert AFTER.digest != catalogue(RECREATED).digest
