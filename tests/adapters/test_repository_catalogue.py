"""The catalogue in config/ as it is shipped."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from chargeback.adapters.catalogue_files import load_catalogue
from chargeback.domain.catalogue import Deployment
from chargeback.domain.meters import Meter

from tests.domain.catalogues import usage_line

CONFIG = Path(__file__).parents[2] / "config"
CATALOGUE = load_catalogue(CONFIG)
DEPLOYMENTS = [each for names in CATALOGUE.deployments.values() for each in names.values()]

CHAT = (Meter.INPUT, Meter.CACHED_INPUT, Meter.OUTPUT, Meter.REASONING)
USED_FOR = {
    "text-embedding-3-large": (Meter.INPUT,),
    "gpt-image-1": (Meter.INPUT, Meter.INPUT_IMAGE, Meter.OUTPUT_IMAGE),
    "whisper": (Meter.AUDIO_SECONDS,),
    "gpt-4o-transcribe": (Meter.INPUT, Meter.INPUT_AUDIO, Meter.OUTPUT),
    "tts": (Meter.CHARACTERS,),
}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: f"{each.account}/{each.name}")
def test_every_deployment_has_prices_for_what_it_is_used_for(deployment: Deployment) -> None:
    line = usage_line(model="", deployment=deployment.name, backend=f"{deployment.account}-a1b2c3.openai.azure.com")

    for meter in USED_FOR.get(deployment.model, CHAT):
        price = CATALOGUE.price(line, meter, datetime(2026, 11, 1, tzinfo=UTC))

        assert price.per_million > 0
