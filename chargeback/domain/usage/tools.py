"""What the tools of a call are charged for in addition to its tokens, counted from the items of its answer.

An event counts the items by type, such as `file_search_call`; 0 stands for a tool that the call had and whose items
nobody read, because the answer was a stream. Azure bills searches by the call and Code Interpreter by the container
in which it ran (azure.microsoft.com/pricing/details/azure-openai). What a tool of the caller's does is in the tokens.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.usage.meters import MAX_QUANTITY, Meter, Quantities

MAX_TOOLS = 32
"""Kinds of items that an event may count."""

DRAWN_BY = "drawn-by:"
"""The variant of a call whose answer has pictures begins so; the deployment that drew them follows."""

IMAGE = "image_generation"

PICTURE_TOKENS = {
    "1024x1024/low": 272,
    "1024x1024/medium": 1056,
    "1024x1024/high": 4160,
    "1024x1536/low": 408,
    "1024x1536/medium": 1584,
    "1024x1536/high": 6240,
    "1536x1024/low": 400,
    "1536x1024/medium": 1568,
    "1536x1024/high": 6208,
}
"""Output tokens of a picture of the gpt-image models (developers.openai.com/api/docs/guides/image-generation).

The usage of a Responses call does not have them, so they are estimated from size and quality; later models may differ.
"""

_METERS = {
    "code_interpreter": Meter.CODE_INTERPRETER,
    "file_search": Meter.FILE_SEARCH,
    "web_search": Meter.WEB_SEARCH,
}
_READ_AGAIN = {"mcp", "mcp_list_tools", "mcp_approval_request", "web_search_page"}
"""Tools that cost nothing themselves but run within the call, so that the model reads its input again."""

_OF_THE_CALLER = {
    *("message", "reasoning", "function", "custom", "custom_tool", "computer", "computer_use", "local_shell"),
    *("apply_patch", "compaction", "data_sources"),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}(:[a-z0-9]{1,16}/[a-z0-9]{1,16})?")


class ToolUse(NamedTuple):
    """The use of tools in an answer.

    Attributes:
        quantities: what they are charged for in addition to the tokens.
        estimated: whether any of that is a guess.
        rereads: whether the model may have read its input more than once within the call: the usage sums all passes.
        draws: whether the answer has pictures.
    """

    quantities: Quantities
    estimated: bool
    rereads: bool
    draws: bool

    def add_to(self, quantities: Quantities) -> None:
        """Count the tools in addition to the tokens; pictures that the usage itself has are not estimated."""
        for meter, quantity in self.quantities.items():
            if meter is not Meter.OUTPUT_IMAGE or meter not in quantities:
                quantities[meter] = quantities.get(meter, 0) + quantity

    def variant(self, image_deployment: str | None) -> str:
        """The line's variant where the answer has pictures: their tokens are priced as those of who drew them."""
        return f"{DRAWN_BY}{image_deployment or ''}" if self.draws else ""


NO_TOOLS = ToolUse({}, estimated=False, rereads=False, draws=False)
"""A call without tools."""


def is_tool(name: str) -> bool:
    """Whether a string can be the type of an item, of a picture with its size and quality."""
    return _NAME.fullmatch(name) is not None


def tool_use(counts: Mapping[str, int]) -> ToolUse:
    """What the items of an answer say, by their type; a type that nobody knows has no price, so its line is unpriced.

    Raises `InvalidEvent` for absurd counts.
    """
    found: Quantities = {}
    estimated = rereads = draws = False
    for name, count in counts.items():
        kind, _, picture = name.partition(":")
        tool = _tool(kind)
        if tool in _OF_THE_CALLER:
            continue
        rereads = True
        if tool in _READ_AGAIN:
            continue
        draws = draws or tool == IMAGE
        estimated = estimated or not count or tool == IMAGE
        meter, quantity = _METERS.get(tool, Meter.UNKNOWN), count
        if tool == IMAGE and picture in PICTURE_TOKENS:
            meter, quantity = Meter.OUTPUT_IMAGE, count * PICTURE_TOKENS[picture]
        if quantity > MAX_QUANTITY:
            raise InvalidEvent("absurd-quantity", f"{meter} is {quantity}; allowed are 0 to {MAX_QUANTITY}")
        if quantity > 0:
            found[meter] = found.get(meter, 0) + quantity
    return ToolUse(found, estimated, rereads, draws)


@lru_cache(maxsize=256)
def _tool(kind: str) -> str:
    """`web_search` for the tool `web_search_preview_2025_03_11` as for its item `web_search_call`."""
    return re.sub(r"(_preview)?(_\d{4}_\d{2}_\d{2})?$", "", kind.removesuffix("_call"))
