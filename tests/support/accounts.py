"""What a day's events account for, said again in a few lines: the oracle of the counter, the recount and the books."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, read_event
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Quantities
from tests.support.builders import tokens, usage_event

WHO = ["subscription", "product", "apim_user", "tenant", "app", "user_object_id", "user", "company", "billing_code"]
Account = tuple[int, Line, Quantities]


def accounts(events: Iterable[UsageEvent]) -> dict[str, Account]:
    """Call → hour, line and quantities; events in the order in which they were said."""
    calls: dict[str, list[UsageEvent]] = {}
    said = list(events)
    known_by_response = {event.claim for event in said}
    for event in said:
        if event.phase >= Phase.PENDING or event.call not in known_by_response:
            calls.setdefault(event.call, []).append(event)
    return {
        call: _account(sorted(of_call, key=lambda event: event.phase))  # of one phase, the first stays first
        for call, of_call in calls.items()
        if any(event.phase is not Phase.POLL for event in of_call)
    }


def _account(events: list[UsageEvent]) -> Account:
    last = next(event for event in events if event.phase == events[-1].phase)
    own = [event for event in events if event.phase >= Phase.PENDING]
    first = own[0] if own and last.phase is not Phase.FINAL else last
    line = last.line
    for names in (WHO, ["deployment"], ["backend"]):
        if any(getattr(first.line, name) for name in names):
            line = line._replace(**{name: getattr(first.line, name) for name in names})
    if not line.model:
        line = line._replace(model=first.line.model)
    return first.hour, line, last.quantities


def totals(found: dict[str, Account]) -> dict[tuple[Line, int], Quantities]:
    """(line, hour) → meters."""
    sums: dict[tuple[Line, int], Quantities] = {}
    for hour, line, quantities in found.values():
        total = sums.setdefault((line, hour), {})
        for meter, quantity in quantities.items():
            total[meter] = total.get(meter, 0) + quantity
    return sums


def said_of_calls(day: str) -> st.SearchStrategy[list[UsageEvent]]:
    """Events of two calls, by whomever and in whatever order."""
    return st.lists(
        st.tuples(
            st.sampled_from(sorted(_KINDS)),
            st.sampled_from("ab"),
            st.booleans(),
            st.sampled_from(["search", "support", None]),
            st.sampled_from(["ann", None]),
            st.sampled_from(["gpt-4o", None]),
            st.integers(1, 3),
        ).map(lambda drawn: _said(day, *drawn)),
        max_size=14,
    )


def _said(day: str, kind: str, name: str, *drawn: Any) -> UsageEvent:
    has_response, subscription, user, deployment, amount = drawn
    arguments: dict[str, Any] = {
        "id": name,
        "type": kind,
        "subscriptionId": subscription,
        "productId": None,
        "username": user,
        "deployment": deployment,
        "usage": tokens(amount, amount),
        "time": f"{day}T0{amount}:00:00Z",
        "responseId": f"resp-{name}" if has_response else None,
    }
    own = {key: text.format(name, amount) if text else None for key, text in _KINDS[kind].items()}
    return read_event(usage_event(**(arguments | own)), EVER)


_KINDS: dict[str, dict[str, str | None]] = {
    "recorded": {},
    "pending": {"usage": None, "model": "gpt-4o-{1}"},
    "settled": {"id": "{0}/settled"},
    "poll": {"type": "settled", "method": "GET", "id": "get-{1}", "responseId": "resp-{0}", "model": None},
    "reading": {"type": "pending", "method": "GET", "id": "read-{1}", "usage": None},
    "recovered": {"type": "settled", "id": "{0}/settled", "usageSource": "gateway-log-alone", "responseId": None},
    "beside": {
        "type": "recorded",
        "source": "/e",
        "id": "e",
        "gatewayEventId": "{0}",
        "gatewayEventSource": "/apim/gw/swedencentral",
    },
}
