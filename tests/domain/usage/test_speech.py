"""Speech is billed by characters or by tokens: the answer has neither, so tokens are estimated and say so."""

from decimal import Decimal
from typing import Any

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit, rate
from chargeback.domain.usage.meters import Meter
from tests.support.builders import usage_event
from tests.support.catalogues import START, dated

BY_TOKENS = dated(Meter.INPUT, (START, "0.60"), model="gpt-4o-mini-tts") | dated(
    Meter.OUTPUT_AUDIO, (START, "12"), model="gpt-4o-mini-tts"
)
BY_CHARACTERS = dated(Meter.CHARACTERS, (START, "15"), model="tts")


def spoken(model: str, **quantities: Any) -> list[tuple[str, int, str, Decimal | None]]:
    """What the speech of a deployment is charged: meter, quantity, state and cost."""
    event = read_event(
        usage_event(operation="audio.speech", deployment="voice", model=None, quantities=quantities), EVER
    )
    place = Deployment("oai-swedencentral", "swedencentral", "voice", model, "1", DeploymentType.GLOBAL_STANDARD)
    catalogue = Catalogue("USD", BY_TOKENS | BY_CHARACTERS, {"oai-swedencentral": {"voice": place}}, Allocation((), ()))
    record = rate(event.day, event.line, {event.hour: event.quantities}, EffectiveCatalogues(catalogue))
    assert record.line.state == "exact"
    weights = picodollars_per_unit(event.line, START, catalogue)
    assert sum(weights.get(meter, 0) * quantity for meter, quantity in event.quantities.items()) == 10**12 * sum(
        charge.cost for charge in record.charges if charge.cost
    )
    return [(str(e.meter), e.quantity, e.state, e.cost) for e in record.charges if e.meter is not Meter.REQUESTS]


@pytest.mark.parametrize(
    ("quantities", "sound", "cost"),
    [
        ({"characters": 900}, 1_250, "0.015"),  # a minute
        ({"characters": 900, "audioSeconds": 30.0}, 625, "0.0075"),  # told by the length of the answer
        ({"characters": 1}, 2, "0.000024"),
    ],
)
def test_a_model_that_bills_tokens_has_them_estimated(quantities: dict, sound: int, cost: str) -> None:
    text = -(-quantities["characters"] // 4)

    assert spoken("gpt-4o-mini-tts", **quantities) == [
        ("input_tokens", text, "estimated", Decimal("0.60") * text / 1_000_000),
        ("output_audio_tokens", sound, "estimated", Decimal(cost)),
    ]


def test_a_model_that_bills_characters_has_them_exactly() -> None:
    assert spoken("tts", characters=1_000_000) == [("characters", 1_000_000, "exact", Decimal(15))]


def test_speech_without_a_price_is_unpriced_once() -> None:
    assert spoken("unknown", characters=5) == [("characters", 5, "unpriced", None)]
