"""How the API calls the dimensions of the costs, and under which other names the same is asked for."""

from enum import StrEnum
from typing import NamedTuple

from chargeback.domain.costs.dimension import Dimension


class DimensionName(StrEnum):
    """By what rows can be told apart, as the API calls it."""

    COST_CENTRE = "costCentre"
    APPLICATION = "application"
    USER = "user"
    MODEL = "model"
    OPERATION = "operation"
    REGION = "region"
    DEPLOYMENT_TYPE = "deploymentType"
    METER = "meter"
    USAGE_STATE = "usageState"
    KIND = "kind"
    CURRENCY = "currency"

    @property
    def dimension(self) -> Dimension:
        """The dimension that it is the name of."""
        return _DIMENSIONS[self]


_DIMENSIONS = {
    name: Dimension.STATE if name is DimensionName.USAGE_STATE else Dimension[name.name] for name in DimensionName
}
NAME_OF = {dimension: name for name, dimension in _DIMENSIONS.items()}


class CostFilter(NamedTuple):
    """A filter as a parameter.

    Attributes:
        name: the name of the parameter.
        others: names of the same parameter that other products have.
    """

    name: str
    others: tuple[str, ...]
    description: str
    example: str


FILTERS: dict[Dimension, CostFilter] = {
    each.dimension: CostFilter(each, others, description, example)
    for each, others, description, example in (
        (
            DimensionName.COST_CENTRE,
            ("cost_centre", "department"),
            "The path of a cost centre; all below it counts too.",
            "Engineering/Search",
        ),
        (
            DimensionName.APPLICATION,
            (),
            "The id of the Entra application that called, or the subscription of a caller without one.",
            "search",
        ),
        (
            DimensionName.USER,
            ("user_id", "userId"),
            "The object id of a person, or the name that their calls claim.",
            "ann@contoso.example",
        ),
        (DimensionName.MODEL, (), "The model that answered.", "gpt-4o"),
        (DimensionName.OPERATION, (), "What was called.", "chat.completions"),
        (DimensionName.REGION, (), "Where the model ran.", "swedencentral"),
        (DimensionName.DEPLOYMENT_TYPE, ("deployment_type",), "How the model is deployed.", "GlobalStandard"),
        (DimensionName.METER, (), "What was measured, or the kind of a shared cost.", "output_tokens"),
        (
            DimensionName.USAGE_STATE,
            (),
            "How well the usage is known: exact, settled, estimated, unsettled or unpriced.",
            "unpriced",
        ),
        (DimensionName.KIND, (), "usage, shared or correction.", "usage"),
        (DimensionName.CURRENCY, (), "The currency of the amounts.", "EUR"),
    )
}
"""Each may be given several times: a row with any of the values counts."""
