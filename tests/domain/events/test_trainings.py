"""What a fine-tuning job costs: by its training type, cancelled ones too, reinforcement by time."""

from decimal import Decimal
from typing import Any

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.usage.meters import Meter
from tests.support.builders import usage_event
from tests.support.catalogues import START, dated

MODEL = {"model": "gpt-4.1", "version": "2025-04-14"}
CARD = (
    dated(Meter.TRAINING, (START, "25"), **MODEL)
    | dated(Meter.TRAINING, (START, "27.5"), deployment_type=DeploymentType.STANDARD, **MODEL)
    | dated(Meter.TRAINING, (START, "12.5"), deployment_type=DeploymentType.DEVELOPER_TIER, **MODEL)
)


def costs(*more: dict, quantities: dict[str, int], **data: Any) -> list[tuple[str, str, Decimal | None]]:
    """Meter, state and cost of an ended job."""
    event = read_event(
        usage_event(
            type="settled",
            method="GET",
            operation="fine_tuning.jobs",
            responseId="ftjob-1",
            **{"deployment": None, "model": "gpt-4.1-2025-04-14", "quantities": quantities, "usage": None, **data},
        ),
        EVER,
    )
    place = Deployment("oai-swedencentral", "swedencentral", "x", "gpt-5.4", "1", DeploymentType.GLOBAL_STANDARD)
    prices = {key: value for each in (CARD, *more) for key, value in each.items()}
    catalogue = Catalogue("USD", prices, {"oai-swedencentral": {"x": place}}, Allocation((), ()))
    record = rate(event.day, event.line, {event.hour: event.quantities}, EffectiveCatalogues(catalogue))
    return [(str(each.meter), each.state, each.cost) for each in record.charges if each.meter is not Meter.REQUESTS]


@pytest.mark.parametrize(
    ("kind", "state", "cost"),
    [
        ("GlobalStandard", "exact", "25"),
        ("Standard", "exact", "27.5"),
        ("Developer", "exact", "12.5"),
        (None, "estimated", "25"),  # nobody says which it was
    ],
)
def test_the_training_type_decides_the_price(kind: str | None, state: str, cost: str) -> None:
    found = costs(quantities={"trainingTokens": 1_000_000}, trainingType=kind)

    assert found == [("training_tokens", state, Decimal(cost))]


def test_a_type_that_the_card_lacks_is_unpriced() -> None:
    assert costs(quantities={"trainingTokens": 5}, trainingType="Spot") == [("training_tokens", "unpriced", None)]


def test_reinforcement_is_unpriced_until_the_card_has_its_hours() -> None:
    """Two hours at 100 an hour."""
    hours = dated(Meter.TRAINING_TIME, (START, "27777.777777777778"), **MODEL)

    without = costs(quantities={"trainingSeconds": 7_200}, trainingType="GlobalStandard")
    ((meter, state, cost),) = costs(hours, quantities={"trainingSeconds": 7_200}, trainingType="GlobalStandard")

    assert without == [("training_seconds", "unpriced", None)]
    assert (meter, state, round(cost or 0, 6)) == ("training_seconds", "estimated", Decimal(200))
