"""Which variant of a price a call has: a long context, a kind of picture, or a way of training a model."""

from typing import NamedTuple

from chargeback.domain.catalogue.prices import LONG_CONTEXT, LONG_CONTEXT_ABOVE, context_variant
from chargeback.domain.deployments.deployment import GLOBAL_TRAINING, TRAINING_JOBS
from chargeback.domain.events.documents import Data
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.tools import ToolUse

_ONE_CONTEXT = ("chat.completions", "responses", "completions")


class Variant(NamedTuple):
    """The variant of a line.

    Attributes:
        name: as on the rate card; empty for the plain price.
        estimated: whether the variant, or the quantities behind it, are a guess.
    """

    name: str
    estimated: bool


PLAIN = Variant("", estimated=False)


def variant_of(data: Data, quantities: Quantities, tools: ToolUse) -> Variant:
    """The variant of a call with these quantities, before its tools are added to them."""
    if data.operation == TRAINING_JOBS:
        return _of_training(data, quantities)
    # The sum of all meters is quick to take, and rarely above what the input alone would have to be.
    long = sum(quantities.values()) > LONG_CONTEXT_ABOVE and _is_one_long_context(data, quantities)
    if tools.draws:
        return Variant(tools.variant(data.image_deployment), estimated=True)
    if long:
        # A usage that sums up several readings of the input says nothing about the length of each.
        return Variant("" if tools.rereads else LONG_CONTEXT, estimated=tools.rereads)
    own = data.quantities
    if data.usage is None and own is not None and own.size:
        return Variant(f"{own.size}/{own.quality or 'standard'}", estimated=False)
    return PLAIN


def _is_one_long_context(data: Data, quantities: Quantities) -> bool:
    """The usage of a batch sums up many calls, so it is never one context."""
    return data.usage is not None and data.operation in _ONE_CONTEXT and context_variant(quantities) != ""


def _of_training(data: Data, quantities: Quantities) -> Variant:
    """How the model was trained, the plain price being that of global training.

    Time between the beginning and the end of a job has its queue in it, and a type that nobody told may be any.
    """
    name = (data.training_type or "").casefold()
    untold = not name and Meter.TRAINING in quantities
    return Variant("" if name == GLOBAL_TRAINING else name, estimated=untold or Meter.TRAINING_TIME in quantities)
