"""Why the usage of a call is an estimate, in words for an explanation of its event."""

from collections.abc import Iterator

from chargeback.domain.events.documents import Data
from chargeback.domain.events.states import is_guess
from chargeback.domain.events.variants import variant_of
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.speech import SPEECH
from chargeback.domain.usage.tiers import served_tier
from chargeback.domain.usage.tools import NO_TOOLS, tool_use


def doubts(data: Data, quantities: Quantities) -> Iterator[str]:
    """The facts that nobody reported about a call with these quantities; none for a call that is known exactly."""
    if is_guess(data):
        yield f"its quantities are a guess: {data.estimate_basis or 'nobody reported them'}"
    tier = served_tier(data.service_tier, data.requested_tier)
    if tier.estimated:
        yield f"the answer does not tell its service tier; {tier.name} was asked for"
    tools = tool_use(data.tools) if data.tools else NO_TOOLS
    if unread := [name for name, count in (data.tools or {}).items() if not count and tool_use({name: 0}).estimated]:
        yield f"nobody read what these tools did, or whether an earlier call paid for it: {', '.join(unread)}"
    if tools.draws:
        yield "the tokens of its pictures are those of their size and quality"
    if not tools.draws and variant_of(data, quantities, tools).estimated:
        yield _of_variant(quantities)
    if data.operation == SPEECH and Meter.CHARACTERS in quantities:
        yield "where its model bills tokens, they follow from its characters or its length"


def _of_variant(quantities: Quantities) -> str:
    if Meter.TRAINING_TIME in quantities:
        return "the time of a training is that between its beginning and its end, queue included and graders left out"
    if Meter.TRAINING in quantities:
        return "the job does not tell its training type: this is the price of global training"
    return "tools made the model read its input several times: only the sum is above where a long context begins"
