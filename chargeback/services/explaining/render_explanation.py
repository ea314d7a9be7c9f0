"""Renders an explanation for people: indented, the largest first, and clear about whatever does not add up."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import UNSET

from chargeback.domain.usage.states import LineState
from chargeback.services.explaining.explanation import (
    CentresBelow,
    CorrectedCharge,
    CorrectionsLeftOut,
    ExplainedCharge,
    ExplainedShare,
    ExplainedUsage,
    Explanation,
    KnownPrice,
    Split,
)

_LOUD = "!!"


def text_of(found: Explanation) -> str:
    """The explanation for people."""
    return "\n".join([*_centre(found), *(() if found.charge is UNSET else _charge(found.charge))])


def _centre(found: Explanation) -> Iterator[str]:
    currency = found.currency
    state = "closed" if found.is_closed else "open: the figures may still change"
    yield f"{found.cost_centre} in {found.billing_period} ({state})"
    yield f"  {_with_others(found, currency)}"
    for kind, sums in found.kinds.items():
        yield f"    {kind}: {sums.cost} {currency} on {_counted(sums.rows, 'row')}"
    if found.unpriced_rows:
        yield f"    without a price, so that their cost is not in these sums: {_counted(found.unpriced_rows, 'row')}"
    if found.unsettled_requests:
        calls = _counted(found.unsettled_requests, "call")
        yield f"    waiting for their tokens, so that their cost is not in these sums: {calls}"
    if found.centres_below.largest:
        yield f"  cost centres below it, on their own accounts: {_with_others(found.centres_below, currency)}"
        for each in found.centres_below.largest:
            yield f"    {each.cost_centre}: {each.cost} {currency}"
    yield from _usage(found)
    for share in found.shared:
        yield (
            f"  shared cost {share.id} ({share.kind}): {share.cost} {currency}, {_percent(share.ratio)}"
            f" by {share.basis}  [{share.charge_id}]"
        )
    yield from _corrections(found)


def _usage(found: Explanation) -> Iterator[str]:
    currency = found.currency
    if found.usage:
        yield "  usage" + (f" of {found.model}" if found.model else "") + ", the largest first"
    for group in found.usage:
        place = group.deployment_type or "deployment unknown"
        yield f"    {_cost(group.cost, currency)}  {group.model or 'model unknown'} {place}, {group.meter}"
        price = f" at {group.unit_price} {group.pricing_currency} per {group.price_unit}" if group.unit_price else ""
        yield f"      {group.quantity} {group.unit}{price}, {group.state}, {_counted(group.rows, 'row')}"
        for line in group.largest:
            who = " ".join(part for part in (line.subscription, line.app, line.user) if part)
            cost = _cost(line.cost, currency)
            yield f"        {line.date}  {cost}  {line.quantity}  {who}  [{line.charge_id}]"
    left = found.usage_left_out
    if left.groups:
        yield f"    {left.groups} more: {left.cost} {currency} (--limit shows them)"


def _corrections(found: Explanation) -> Iterator[str]:
    for each in found.corrections:
        yield (
            f"  correction of {each.corrects_period} ({each.date}): {_cost(each.cost, each.currency)},"
            f" {each.quantity} {each.meter} of {each.model}  [{each.charge_id}]"
        )
    if found.corrections_left_out.rows:
        left = found.corrections_left_out
        yield f"  {left.rows} more corrections: {_with_others(left, found.currency)} (--limit shows them)"


def _charge(charge: ExplainedCharge) -> Iterator[str]:
    currency = charge.currency
    yield ""
    yield f"charge {charge.charge_id} of {charge.date}: {charge.kind}, {charge.state}"
    for name, value in charge.dimensions.items():
        yield f"  {name}: {value}"
    yield from _calculation(charge, currency)
    if charge.corrects is not UNSET:
        yield from _corrected(charge.corrects, currency)
    if isinstance(charge, ExplainedShare):
        yield from _split(charge.shared_cost, currency)
    if isinstance(charge, ExplainedUsage):
        yield from _price(charge)
        yield from _who(charge)
        yield from _records(charge)


def _calculation(charge: ExplainedCharge, currency: str) -> Iterator[str]:
    how = charge.calculation
    if how is None:
        yield f"  {charge.quantity} {charge.unit}: {_cost(charge.exact_cost, currency)}"
    else:
        rate = ""
        if how.exchange_rate != "1":
            rate = f" * {how.exchange_rate} ({how.exchange_rate_source}, {how.exchange_rate_date})"
        yield (
            f"  {charge.quantity} {charge.unit} * {how.unit_price} {how.pricing_currency}"
            f" per {how.price_unit}{rate} = {how.result} {currency}"
        )
        if not how.agrees:
            yield f"  {_LOUD} the row says {charge.exact_cost} {currency}"
    if charge.rounding is not None:
        yield f"  rounding {charge.rounding}, printed {charge.cost} {currency}"
    listed, contracted = _cost(charge.list_cost, currency), _cost(charge.contracted_cost, currency)
    yield f"  at list price {listed}, contracted {contracted}"


def _price(charge: ExplainedUsage) -> Iterator[str]:
    price = charge.price
    if price is None:
        yield "  price: none" + (" is known for it" if charge.state == LineState.UNPRICED else "")
    elif not isinstance(price, KnownPrice):
        yield f"  {_LOUD} price {price.id} is not on the rate card ({charge.configuration})"
    else:
        yield f"  price {price.id} ({charge.configuration})"
        yield (
            f"    per million: list {price.list_per_million}, contracted {price.contracted_per_million},"
            f" charged {price.per_million} {price.currency}; {price.effective}"
        )
        yield f"    source: {price.source}{f'; verified: {price.verified}' if price.verified else ''}"
        for adjustment in price.adjustments:
            yield f"    adjusted by {adjustment}"


def _who(charge: ExplainedUsage) -> Iterator[str]:
    rule, place = charge.rule, charge.deployment
    if rule is None:
        yield "  rule: none matches, so it is unallocated"
    else:
        when = ", ".join(f"{name} = {value}" for name, value in rule.when.items())
        yield f"  rule {rule.id}: {when} → {rule.cost_centre}, {rule.effective}"
    if place is None:
        yield "  deployment: not in the deployment map"
    else:
        what = f"{place.model} {place.version}, {place.type}, {place.region}"
        yield f"  deployment {place.name} of {place.account}: {what}"


def _split(shared: Split, currency: str) -> Iterator[str]:
    yield f"  part of {shared.id} ({shared.kind}): {shared.whole} {currency}, split by {shared.basis}"
    if shared.source:
        yield f"    {shared.name}; source: {shared.source}"
    for part in shared.parts:
        used = f", used {part.used} ({shared.measure})" if part.used is not None else ""
        yield f"    {_percent(part.ratio)}  {part.cost} {currency}  {part.cost_centre}{used}"
    if not shared.agrees:
        yield f"  {_LOUD} the ratios sum to {shared.ratios}, not to 1"


def _corrected(corrects: CorrectedCharge, currency: str) -> Iterator[str]:
    was = "" if corrects.was_there else " (nothing was billed of it)"
    why = f": {corrects.reason}" if corrects.reason else ""
    yield f"  corrects {corrects.charge_id} of {corrects.period}{was}{why}"
    yield f"    quantity {corrects.quantity_before} → {corrects.quantity_after}"
    before = _cost(corrects.cost_before, currency)
    yield f"    cost {before} → {corrects.cost_after} {currency} with this correction"


def _records(charge: ExplainedUsage) -> Iterator[str]:
    for record in charge.records:
        hours = ", ".join(f"{hour}h {quantity}" for hour, quantity in record.hours.items())
        yield f"  record {record.line_id} of {record.day} (UTC): {record.quantity}; {hours}"
        events = record.events
        agrees = "as the record says" if events.agrees else f"{_LOUD} NOT what the record says"
        yield f"    {_counted(events.count, 'event')} of the ledger: {events.quantity}, {agrees}"
        for event in events.first:
            yield f"      {event.time}  {event.quantity}  {event.source} {event.id}"
            yield from (f"        {doubt}" for doubt in event.doubts)
        if events.count > len(events.first):
            yield f"      … and {events.count - len(events.first)} more (--limit shows them)"
    for disagreement in charge.disagreements:
        yield f"  {_LOUD} {disagreement}"


def _with_others(sums: Explanation | CentresBelow | CorrectionsLeftOut, currency: str) -> str:
    """A sum for each currency: they are never added."""
    others = (f"{cost} {other}" for other, cost in sums.other_currencies.items())
    return " and ".join([f"{sums.cost} {currency}", *others])


def _cost(cost: str | None, currency: str) -> str:
    return "cost not known" if cost is None else f"{cost} {currency}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _percent(ratio: str) -> str:
    return f"{Decimal(ratio) * 100:.4f} %"
