"""The items of an answer: what hosted tools cost is counted, and guesses say so."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES
from chargeback.domain.events.times import EVER
from chargeback.domain.events.usage_event import UsageEvent, read_event
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.usage.meters import Meter
from tests.support.builders import usage_event
from tests.support.catalogues import START, dated


def answered(tools: dict[str, Any] | None, *, type: str = "recorded", tokens: int = 1_000, **data: Any) -> UsageEvent:
    usage = {"input_tokens": tokens, "output_tokens": 50, "total_tokens": tokens + 50} if type != "pending" else None
    fields = {"operation": "responses", "usage": usage, "tools": tools, "deployment": "chat"} | data
    return read_event(usage_event(type=type, **fields), EVER)


def beside(event: UsageEvent) -> dict[str, int]:
    """What is counted beside tokens and the call itself."""
    return {
        str(meter): quantity
        for meter, quantity in event.quantities.items()
        if meter not in (Meter.INPUT, Meter.OUTPUT, Meter.REQUESTS)
    }


@pytest.mark.parametrize(
    ("tools", "counted", "state"),
    [
        (None, {}, "exact"),
        ({"message": 1, "reasoning": 2, "function_call": 3, "computer_call": 1}, {}, "exact"),
        ({"mcp_list_tools": 1, "mcp_call": 4, "web_search_page_call": 2}, {}, "exact"),
        ({"file_search_call": 4}, {"file_search_calls": 4}, "exact"),
        (
            {"web_search_call": 2, "code_interpreter_call": 1},
            {"web_search_calls": 2, "code_interpreter_sessions": 1},
            "exact",
        ),
        # Code ran in a container that an earlier call may have paid for already.
        ({"code_interpreter_call": 1, "code_interpreter": 0}, {"code_interpreter_sessions": 1}, "estimated"),
        ({"image_generation_call:1024x1024/high": 2}, {"output_image_tokens": 8320}, "estimated"),
        ({"image_generation_call:9x9/odd": 2}, {"unknown_counts": 2}, "estimated"),
        ({"holodeck_call": 1}, {"unknown_counts": 1}, "exact"),
    ],
)
def test_each_item_is_counted_where_it_costs_something(tools: dict, counted: dict, state: str) -> None:
    event = answered(tools)

    assert (beside(event), event.line.state) == (counted, state)


@pytest.mark.parametrize(
    "tool", ["web_search", "web_search_preview_2025_03_11", "code_interpreter", "image_generation"]
)
def test_a_stream_whose_items_nobody_read_is_estimated(tool: str) -> None:
    assert answered({tool: 0}, type="pending").line.state == "unsettled"
    settled = answered({tool: 0}, type="settled", usageSource="gateway-log")

    assert (beside(settled), settled.line.state) == ({}, "estimated")
    assert answered({"function": 0}, type="settled", usageSource="gateway-log").line.state == "settled"


@pytest.mark.parametrize("tool", ["web_search_call", "mcp_call", "image_generation_call:1024x1024/low"])
def test_an_input_that_was_summed_over_passes_is_no_long_context(tool: str) -> None:
    """Five passes of 60 000 tokens are 300 000, and none of them is above 272 000."""
    event = answered({tool: 5}, tokens=300_000)

    assert event.line.state == "estimated"
    assert event.line.variant != "long-context"
    assert answered({"function_call": 5}, tokens=300_000).line[-2:] == ("long-context", "exact")


def test_a_refused_call_has_no_tools() -> None:
    event = answered({"web_search": 0}, type="rejected", statusCode=429)

    assert (event.quantities, event.line.state) == ({Meter.REQUESTS: 1}, "exact")


def test_a_response_that_is_read_while_it_goes_on_has_no_tools_yet() -> None:
    event = answered({"web_search_call": 1}, method="GET", usage=None)

    assert (event.quantities, event.line.state) == ({Meter.REQUESTS: 1}, "exact")


def test_a_picture_is_priced_as_the_deployment_that_drew_it() -> None:
    """A picture of high quality has 4 160 tokens: 0.1664 USD at 40 per million, and the text is another model's."""
    event = answered({"image_generation_call:1024x1024/high": 1}, imageDeployment="draw", tokens=1_000_000, model=None)
    places = {
        name: Deployment("oai-swedencentral", "swedencentral", name, model, "1", DeploymentType.GLOBAL_STANDARD)
        for name, model in {"chat": "gpt-5.4", "draw": "gpt-image-1"}.items()
    }
    card = (
        dated(Meter.INPUT, (START, "2.50"), model="gpt-5.4")
        | dated(Meter.OUTPUT, (START, "0"), model="gpt-5.4")
        | dated(Meter.OUTPUT_IMAGE, (START, "40"), model="gpt-image-1")
    )

    in_force = EffectiveCatalogues(Catalogue("USD", card, {"oai-swedencentral": places}, Allocation((), ())))
    record = rate(event.day, event.line, {event.hour: event.quantities}, in_force)

    assert {charge.meter: charge.cost for charge in record.charges} == {
        Meter.INPUT: Decimal("2.50"),
        Meter.OUTPUT: Decimal(0),
        Meter.OUTPUT_IMAGE: Decimal("0.1664"),
        Meter.REQUESTS: Decimal(0),
    }
    assert {charge.state for charge in record.charges} == {"estimated"}


def test_the_door_keeps_the_forms_of_items_alone() -> None:
    """What is no name of an item still says that something was there."""
    tools = {"web_search_call": 1, "Tell me a secret": 2}
    raw = usage_event(operation="responses", usage={"input_tokens": 1, "output_tokens": 1}, tools=tools)

    event = admit(raw, EVER, OURSELVES)

    assert msgspec.json.decode(event.raw)["data"]["tools"] == {"web_search_call": 1, "other": 2}
    assert event.quantities[Meter.UNKNOWN] == 2


@pytest.mark.parametrize(
    "tools", [{f"tool_{number}_call": 1 for number in range(33)}, {"web_search_call": -1}, {"web_search_call": 10**11}]
)
def test_the_door_refuses_absurd_items(tools: dict) -> None:
    with pytest.raises(InvalidEvent):
        admit(
            usage_event(operation="responses", usage={"input_tokens": 1, "output_tokens": 1}, tools=tools),
            EVER,
            OURSELVES,
        )


@pytest.mark.parametrize("tools", [["web_search_call"], {"web_search_call": "1"}, "all of them"])
def test_tools_of_another_shape_leave_the_call_readable(tools: Any) -> None:
    assert beside(answered(tools)) == {}
