"""A deployment without a price in force is named, unless its capacity is paid for."""

from datetime import UTC, datetime

import pytest

from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.terms.coverage import unpriced_deployments
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, catalogue, dated

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "price",
    [
        dated(Meter.INPUT, (START, "1")),
        dated(Meter.INPUT, (START, "1"), version="2024-11-20"),
        dated(Meter.INPUT, (START, "1"), region="eastus2"),
    ],
)
def test_a_deployment_that_a_price_is_for_is_covered(price: dict) -> None:
    assert unpriced_deployments(catalogue(price), NOW) == []


@pytest.mark.parametrize(
    "price",
    [
        dated(Meter.INPUT, (START, "1"), version="2024-05-13"),
        dated(Meter.INPUT, (START, "1"), region="westus3"),
        dated(Meter.INPUT, (START, "1"), model="gpt-4.1"),
        dated(Meter.INPUT, (START, "1"), deployment_type=DeploymentType.STANDARD),
        dated(Meter.INPUT, (START, "1"), end=NOW),
        dated(Meter.INPUT, (NOW.replace(hour=1), "1")),
    ],
)
def test_a_deployment_without_a_price_in_force_is_named(price: dict) -> None:
    assert [each.name for each in unpriced_deployments(catalogue(price), NOW)] == ["gpt-4o"]


def test_provisioned_capacity_needs_no_price() -> None:
    assert unpriced_deployments(catalogue(type=DeploymentType.PROVISIONED_MANAGED), NOW) == []
