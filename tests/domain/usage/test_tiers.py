"""The tier that a call is charged at: what served it where the answer tells, else what was asked for, marked."""

import pytest

from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.domain.usage.tiers import Tier, served_tier
from tests.support.builders import tokens, usage_event


@pytest.mark.parametrize(
    ("answered", "asked", "own", "expected"),
    [
        ("default", "priority", "priority", Tier("default", estimated=False)),
        ("priority", None, None, Tier("priority", estimated=False)),
        (None, None, None, Tier("default", estimated=False)),
        (None, "auto", None, Tier("default", estimated=False)),
        (None, "priority", None, Tier("priority", estimated=True)),
        (None, "flex", "priority", Tier("flex", estimated=True)),
        (None, None, "priority", Tier("priority", estimated=True)),
        (None, "auto", "priority", Tier("priority", estimated=True)),
        (None, "default", "priority", Tier("default", estimated=False)),
    ],
)
def test_the_answer_s_tier_counts_else_the_one_asked_for(
    answered: str | None, asked: str | None, own: str | None, expected: Tier
) -> None:
    assert served_tier(answered, asked, own) == expected


@pytest.mark.parametrize(
    ("data", "tier", "state"),
    [
        ({"type": "settled", "requestedTier": "priority"}, "priority", "estimated"),
        ({"type": "settled", "requestedTier": "priority", "serviceTier": "default"}, "default", "settled"),
        ({"type": "settled", "requestedTier": "auto"}, "default", "settled"),
        ({"type": "recorded", "requestedTier": "flex"}, "flex", "estimated"),
        ({"type": "recorded", "requestedTier": "flex", "serviceTier": "flex"}, "flex", "exact"),
        ({"type": "pending", "requestedTier": "priority"}, "priority", "unsettled"),
        ({"type": "rejected", "requestedTier": "priority", "statusCode": 429}, "default", "exact"),
    ],
)
def test_a_line_whose_tier_nobody_told_is_estimated(data: dict, tier: str, state: str) -> None:
    usage = tokens(100, 50) if data["type"] in ("settled", "recorded") else None

    line = read_event(usage_event(**data, usage=usage), EVER).line

    assert (line.service_tier, line.state) == (tier, state)
