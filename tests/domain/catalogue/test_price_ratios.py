"""The provider's list keeps proportions; a price that breaks one is looked into."""

from datetime import UTC, datetime

import pytest

from chargeback.domain.catalogue.price_ratios import oddities
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, dated

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PLAIN = dated(Meter.INPUT, (START, "2.00")) | dated(Meter.OUTPUT, (START, "8.00"))
BATCH, ZONE, LONG = (
    {"deployment_type": "GlobalBatch"},
    {"deployment_type": DeploymentType.DATA_ZONE_STANDARD},
    "long-context",
)


@pytest.mark.parametrize(
    ("meter", "key", "right", "wrong", "said"),
    [
        (Meter.INPUT, BATCH, "1.00", "2.00", "is not half of 2"),
        (Meter.OUTPUT, BATCH, "4.05", "4.20", "is not half of 8"),
        (Meter.OUTPUT, {"service_tier": "flex"}, "4.00", "8.00", "is not half of 8"),
        (Meter.INPUT, {"service_tier": "priority"}, "3.50", "2.00", "is not 1.5 to 2.6 times 2"),
        (Meter.INPUT, {"variant": LONG}, "4.00", "2.00", "is not twice 2"),
        (Meter.OUTPUT, {"variant": LONG}, "12.00", "16.00", "is not 1.5 times 8"),
        (Meter.CACHE_WRITE, {}, "2.50", "2.00", "is not 1.25 times 2"),
        (Meter.INPUT, ZONE | {"region": "us"}, "2.20", "3.00", "is not 1 to 1.2 times 2"),
        (Meter.CACHED_INPUT, {}, "2.00", "2.50", "is not at most 2"),
    ],
)
def test_a_price_out_of_proportion_is_named(
    meter: Meter, key: dict[str, str], right: str, wrong: str, said: str
) -> None:
    output = dated(Meter.OUTPUT, (START, "16.00"), **key) if key.get("service_tier") == "priority" else {}
    kept = list(oddities(PLAIN | output | dated(meter, (START, right), **key), NOW))
    broken = [reason for _, reason in oddities(PLAIN | output | dated(meter, (START, wrong), **key), NOW)]

    assert [reason for _, reason in kept if "which the plain price has" not in reason] == []
    assert [reason.rpartition(",")[0] for reason in broken if "which the plain price has" not in reason] == [said]


def test_a_tier_without_what_the_plain_price_has_is_a_hole() -> None:
    flex = dated(Meter.INPUT, (START, "1.00"), service_tier="flex")

    assert [reason for _, reason in oddities(PLAIN | flex, NOW)] == ["has no output_tokens, which the plain price has"]


def test_a_price_that_is_over_is_not_looked_at() -> None:
    over = dated(Meter.INPUT, (START, "9.00"), end=datetime(2026, 1, 1, tzinfo=UTC), **BATCH)

    assert list(oddities(PLAIN | over, NOW)) == []
