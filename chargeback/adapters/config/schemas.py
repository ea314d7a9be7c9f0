"""Makes the JSON Schema of each configuration file from the types of its reader, so that editors help to write it.

A schema knows which keys there are and of which kind a value is. What needs the other files, or a rule, is said by
`config validate` alone.
"""

from typing import Any

import msgspec

from chargeback.adapters.config import (
    access,
    adjustments,
    alerts,
    books,
    budgets,
    cost_centres,
    deployments,
    emitters,
    gateway,
    own_prices,
    posting,
    rate_card,
    retail_meters,
    retail_snapshot,
    shared_costs,
)
from chargeback.adapters.config.entries import Sections

FILES_WITH_SCHEMA = {
    "access.yaml": access.SECTIONS,
    "adjustments.yaml": adjustments.AGREED_SECTIONS,
    "alerts.yaml": alerts.SECTIONS,
    "books.yaml": books.SECTIONS,
    "budgets.yaml": budgets.SECTIONS,
    "cost-centres.yaml": cost_centres.SECTIONS,
    "dated-deployments.yaml": deployments.DATED_SECTIONS,
    "deployments.yaml": deployments.SECTIONS,
    "emitters.yaml": emitters.SECTIONS,
    "gateway.yaml": gateway.SECTIONS,
    "posting.yaml": posting.SECTIONS,
    "prices.yaml": own_prices.SECTIONS,
    "rate-card.yaml": rate_card.SECTIONS,
    "retail-meters.yaml": retail_meters.SECTIONS,
    "retail-snapshot.yaml": retail_snapshot.SECTIONS,
    "shared-costs.yaml": shared_costs.SECTIONS,
}
"""Every file but models.yaml, whose reader takes plain documents."""

_PLACE = "#/$defs/{name}"


def schema_of(sections: Sections) -> dict[str, Any]:
    """The schema (draft 2020-12) of a document with these sections."""
    types = {**sections.required, **sections.optional}
    found, components = msgspec.json.schema_components(types.values(), ref_template=_PLACE)
    for component in components.values():
        component.pop("title", None)  # the name of a class says nothing to whoever writes the file
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": dict(zip(types, found, strict=True)),
        "required": list(sections.required),
        "additionalProperties": False,
        "$defs": components,
    }
