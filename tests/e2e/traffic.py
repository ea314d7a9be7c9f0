"""Usage events for the whole-path tests, and the catalogue that rates them."""

from pathlib import Path
from typing import Any

import msgspec

from chargeback.adapters.config.folders import path_of
from tests.support.builders import cloud_event
from tests.support.config_files import config_folder

RATE_CARD = """
currency: USD
prices:
  - {{provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: 2024-01-01T00:00:00Z,
     effectiveTo: {day}T12:00:00Z, source: a test,
     perMillion: {{input_tokens: "2.75", cached_input_tokens: "1.375", output_tokens: "11"}}}}
  - {{provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: {day}T12:00:00Z,
     source: a test, perMillion: {{input_tokens: "5.5", cached_input_tokens: "2.75", output_tokens: "22"}}}}
"""
DEPLOYMENTS = """
accounts:
  - {account: oai-swedencentral, region: swedencentral, priority: 1, weight: 100, deployments: eu}
deploymentSets:
  eu:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard, capacity: 1}
    - {name: unheard-of, model: unheard-of, version: "1", type: DataZoneStandard, capacity: 1}
"""
COST_CENTRES = """
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search}
rules:
  - {id: search, when: {subscription: search}, costCentre: product/search}
"""


def catalogue_folder(folder: Path, day: str) -> Path:
    """A catalogue whose prices double at noon of `day`; the model `unheard-of` has none."""
    config_folder(folder)
    path_of(folder, "rate-card.yaml").write_text(RATE_CARD.format(day=day))
    path_of(folder, "deployments.yaml").write_text(DEPLOYMENTS)
    path_of(folder, "cost-centres.yaml").write_text(COST_CENTRES)
    return folder


def traffic(day: str, calls: int, *, prefix: str = "") -> list[dict[str, Any]]:
    """Calls before and after noon: answered, streamed and settled, streamed and never settled, refused, unpriced."""
    events: list[dict[str, Any]] = []
    for number in range(calls):
        kind = number % 7
        common: dict[str, Any] = {
            "time": f"{day}T{11 + number % 2}:{number % 60:02}:00.{number:06}Z",
            "username": f"user-{number % 3}",
            "model": "unheard-of" if kind == 6 else "gpt-4o",
            "deployment": "unheard-of" if kind == 6 else "gpt-4o",
        }
        prompt, completion = 1000 + 7 * number, 100 + 3 * number
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": number % 5 * 10},
        }
        identity = f"{prefix}{number}"
        if kind in (3, 4):
            events.append(cloud_event(id=identity, type="pending", **common))
            if kind == 3:
                events.append(cloud_event(id=f"{identity}/settled", type="settled", usage=usage, **common))
        elif kind == 5:
            events.append(cloud_event(id=identity, type="rejected", **common | {"statusCode": 429}))
        else:
            events.append(cloud_event(id=identity, usage=usage, **common))
    return events


def encoded(events: list[dict[str, Any]]) -> list[bytes]:
    """The events as they are sent."""
    return [msgspec.json.encode(event) for event in events]
