"""Which service tier a call was served at, and how tiers are named on the rate card."""

from functools import lru_cache
from typing import NamedTuple

DEFAULT_TIER = "default"
TIERS = (DEFAULT_TIER, "priority", "flex", "scale")
"""Service tiers that a price may be for; answers also say `auto` or `standard` for the default."""

ASKED_FOR = frozenset({*TIERS, "auto", "standard"})
"""The tiers that a call may ask for."""

_SAME_AS_DEFAULT = {"", "auto", "standard", DEFAULT_TIER}


class Tier(NamedTuple):
    """The tier of a call.

    Attributes:
        name: as the answer or the request says it.
        estimated: whether the answer does not tell: Azure may serve what asked for priority at the default tier
            (learn.microsoft.com/azure/foundry/openai/concepts/priority-processing), and then bills that.
    """

    name: str
    estimated: bool


@lru_cache(maxsize=1_024)
def served_tier(answered: str | None, asked: str | None, own: str | None = None) -> Tier:
    """The tier at which a call was served: what its answer says, else what it asked for, else the deployment's own."""
    if answered:
        return Tier(answered, estimated=False)
    name = next((tier for tier in (asked, own) if tier and tier not in ("auto", DEFAULT_TIER)), DEFAULT_TIER)
    if asked == DEFAULT_TIER:  # said outright, it overrides the deployment's own
        name = DEFAULT_TIER
    return Tier(name, estimated=normal_tier(name) != DEFAULT_TIER)


def normal_tier(tier: str) -> str:
    """The tier's name on the rate card: `auto`, `standard` and an absent tier are the default."""
    return DEFAULT_TIER if tier in _SAME_AS_DEFAULT else tier
